/**
 * Reads a table of a gdb command back: columns begin where the words of its heading do, two blanks
 * apart.
 */

/**
 * The rows below the heading whose first word is `first`, up to an empty line, by the names of the
 * columns.
 */
export function parseTable(text: string, first: string): Record<string, string>[] {
  const lines = text.split('\n')
  const at = lines.findIndex((line) => line.startsWith(`${first}  `))
  if (at < 0) throw new Error(`No table of ${first} in:\n${text}`)
  const names = lines[at]!.trim().split(/ {2,}/)
  const rows: Record<string, string>[] = []
  for (const line of lines.slice(at + 1)) {
    const cells = line.trim().split(/ {2,}/)
    if (cells.length < names.length - 1) break
    rows.push(Object.fromEntries(names.map((name, index) => [name, cells[index] ?? ''])))
  }
  return rows
}
