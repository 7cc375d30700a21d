/** Lines of NAME=value, as `.env` files have them. */

export const SETTING_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/

/** The message names the line and what was expected, and never the value. */
export class SettingsError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SettingsError'
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t' }

/**
 * Comments (#), empty lines and `export ` are passed over. Values may be bare, 'taken as they
 * stand', or "with \n, \t, \" and \\"; each is on one line. Of a name that comes twice the last
 * counts. Throws SettingsError.
 */
export function parseSettings(text: string): Map<string, string> {
  const settings = new Map<string, string>()
  for (const [index, raw] of text.split(/\r\n|\r|\n/).entries()) {
    const line = raw.trim().replace(/^export\s+/, '')
    if (line === '' || line.startsWith('#')) continue
    const equals = line.indexOf('=')
    const name = line.slice(0, Math.max(equals, 0)).trim()
    if (!SETTING_NAME.test(name)) {
      throw new SettingsError(`line ${index + 1} is not NAME=value`)
    }
    settings.set(name, parseValue(line.slice(equals + 1).trim(), index + 1))
  }
  return settings
}

function parseValue(text: string, line: number): string {
  const quote = text[0]
  if (quote !== '"' && quote !== "'") return text.replace(/\s+#.*$/, '')
  const pattern = quote === "'" ? /^'([^']*)'\s*(#.*)?$/ : /^"((?:[^"\\]|\\.)*)"\s*(#.*)?$/
  const content = pattern.exec(text)?.[1]
  if (content === undefined) throw new SettingsError(`the quotes of line ${line} do not match`)
  if (quote === "'") return content
  return content.replace(/\\(.)/g, (_, character: string) => ESCAPES[character] ?? character)
}
