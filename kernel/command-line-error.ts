/** What is wrong with a command line, in one line of bearable length, whatever was given. */

const LONGEST_VALUE_SHOWN = 40

/** The message is one line naming the key and what was expected. */
export class CommandLineError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'CommandLineError'
  }
}

export function badValue(key: string, value: string, expected: string): CommandLineError {
  return new CommandLineError(`${key}=${show(value)} is not understood; expected ${expected}`)
}

/** User input on one line: unprintable characters escaped, long text cut. */
export function show(text: string): string {
  const cut = text.length > LONGEST_VALUE_SHOWN ? `${text.slice(0, LONGEST_VALUE_SHOWN)}...` : text
  return cut.replace(/[^\x21-\x7e]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
