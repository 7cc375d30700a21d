/** What programs and kernel modules need, read from readelf's words, and the closure of it. */

/** Names in DT_NEEDED entries, from `readelf --dynamic`. */
export function parseNeededLibraries(text: string): string[] {
  return [...text.matchAll(/\(NEEDED\)\s+Shared library: \[([^\]]+)\]/g)].map((match) => match[1]!)
}

/** The module names in `depends=` of a kernel module, from `readelf --string-dump=.modinfo`. */
export function parseModuleDependencies(text: string): string[] {
  const names = /\bdepends=(\S*)/.exec(text)?.[1] ?? ''
  return names === '' ? [] : names.split(',')
}

/**
 * Everything reachable from `roots`, each once, what is needed before what needs it: the order in
 * which modules can be loaded.
 */
export async function inOrderOfNeed(
  roots: readonly string[],
  needsOf: (name: string) => Promise<readonly string[]>,
): Promise<string[]> {
  const ordered: string[] = []
  const met = new Set<string>()
  const visit = async (name: string): Promise<void> => {
    if (met.has(name)) return
    met.add(name)
    for (const needed of await needsOf(name)) await visit(needed)
    ordered.push(name)
  }
  for (const root of roots) await visit(root)
  return ordered
}
