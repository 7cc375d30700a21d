/** Text for people: a command line that can be pasted into a shell. */

const SAFE_WORD = /^[A-Za-z0-9_@%+=:,./-]+$/

export function quoteCommand(command: readonly string[]): string {
  return command
    .map((word) => (SAFE_WORD.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`))
    .join(' ')
}

/** QEMU splits properties at commas; two stand for one. */
export function escapeValue(value: string): string {
  return value.replaceAll(',', ',,')
}
