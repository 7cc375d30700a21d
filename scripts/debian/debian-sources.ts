/**
 * Reads apt's source entries (sources.list(5)), both forms, for the first that names the Debian
 * archive.
 */

export interface DebianSource {
  readonly uri: string
  /** Path of a keyring; undefined leaves the choice to apt. */
  readonly signedBy: string | undefined
}

/** The main archive, not the one for security updates: its URI ends in /debian. */
function isDebianArchive(uri: string): boolean {
  return /\/debian\/?$/.test(uri)
}

function keyringPath(value: string | undefined): string | undefined {
  return value?.startsWith('/') ? value : undefined
}

/** deb822: stanzas of `Field: value`, separated by empty lines; `#` starts a comment line. */
function parseStanzas(text: string): DebianSource | undefined {
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  for (const stanza of lines.join('\n').split(/\n\s*\n/)) {
    const fields = new Map<string, string>()
    let name = ''
    for (const line of stanza.split('\n')) {
      const match = /^([A-Za-z-]+):\s*(.*)$/.exec(line)
      if (match !== null) {
        name = match[1]!.toLowerCase()
        fields.set(name, match[2]!.trim())
      } else if (/^\s/.test(line) && name !== '') {
        fields.set(name, `${fields.get(name)} ${line.trim()}`.trim())
      }
    }
    if (fields.get('enabled')?.toLowerCase() === 'no') continue
    const uri = (fields.get('uris') ?? '').split(/\s+/).find(isDebianArchive)
    if (uri !== undefined) return { uri, signedBy: keyringPath(fields.get('signed-by')) }
  }
  return undefined
}

/** One line: `deb [option=value …] uri suite component …`. */
function parseLines(text: string): DebianSource | undefined {
  for (const line of text.split('\n')) {
    const match = /^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s+)?(\S+)\s/.exec(line)
    if (match === null || !isDebianArchive(match[2]!)) continue
    const signedBy = /(?:^|\s)signed-by=(\S+)/.exec(match[1] ?? '')?.[1]
    return { uri: match[2]!, signedBy: keyringPath(signedBy) }
  }
  return undefined
}

export function parseSources(text: string, isDeb822: boolean): DebianSource | undefined {
  return isDeb822 ? parseStanzas(text) : parseLines(text)
}
