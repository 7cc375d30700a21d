/**
 * Control stanzas of binary packages, as apt-cache shows them (deb-control(5)), and what they
 * depend on.
 */

export interface DebianPackage {
  readonly name: string
  readonly version: string
  readonly section: string
  /** Size of the archive in bytes. */
  readonly lengthBytes: number
  /** Names from Pre-Depends and Depends; of alternatives the first. */
  readonly dependencies: readonly string[]
}

/** Stanzas without a name are passed over; of several of one name, the first counts. */
export function parseControlStanzas(text: string): Map<string, DebianPackage> {
  const packages = new Map<string, DebianPackage>()
  for (const stanza of text.split(/\n\s*\n/)) {
    const fields = new Map<string, string>()
    for (const line of stanza.split('\n')) {
      const match = /^([A-Za-z0-9-]+):\s*(.*)$/.exec(line)
      if (match !== null) fields.set(match[1]!.toLowerCase(), match[2]!.trim())
    }
    const name = fields.get('package')
    if (name === undefined || packages.has(name)) continue
    packages.set(name, {
      name,
      version: fields.get('version') ?? '',
      section: fields.get('section') ?? '',
      lengthBytes: Number(fields.get('size') ?? 0),
      dependencies: [
        ...firstAlternatives(fields.get('pre-depends')),
        ...firstAlternatives(fields.get('depends')),
      ],
    })
  }
  return packages
}

/** `a (>= 1), b:any | c` to `a` and `b`. */
function firstAlternatives(value: string | undefined): string[] {
  if (value === undefined || value === '') return []
  return value
    .split(',')
    .map((clause) => /^[a-z0-9][a-z0-9+.-]*/.exec(clause.trim())?.[0])
    .filter((name) => name !== undefined)
}
