/**
 * Files that shape a bundle although nothing imports them: tsconfig.json with what it extends, and
 * package.json.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'

const COMPILER_SETTINGS = ['tsconfig.json', 'jsconfig.json']
/** A chain of `extends` that is longer is one that goes around. */
const EXTENDS_LIMIT = 16

/**
 * For the absolute paths of a bundle's inputs: the settings in force, and the paths where others
 * would take their place if they were there.
 */
export function configurationFiles(inputs: readonly string[]): string[] {
  const found = new Set<string>()
  for (const folder of new Set(inputs.map((path) => dirname(path)))) {
    addNearest(folder, ['package.json'], found)
    // Those of packages are not looked at.
    if (/(^|\/)node_modules(\/|$)/.test(folder)) continue
    const settings = addNearest(folder, COMPILER_SETTINGS, found)
    if (settings !== undefined) addExtended(settings, found, EXTENDS_LIMIT)
  }
  return [...found]
}

/** Adds each candidate from `folder` upwards until one is there, which is the result. */
function addNearest(
  folder: string,
  names: readonly string[],
  found: Set<string>,
): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    for (const name of names) {
      const path = join(at, name)
      found.add(path)
      if (existsSync(path)) return path
    }
    if (dirname(at) === at) return undefined
  }
}

function addExtended(path: string, found: Set<string>, depth: number): void {
  if (depth === 0) return
  for (const name of extendedBy(path)) {
    const target = resolveExtended(path, name)
    if (target === undefined || found.has(target)) continue
    found.add(target)
    addExtended(target, found, depth - 1)
  }
}

/**
 * The file may hold comments and commas that JSON does not know, so the one property is looked for.
 */
function extendedBy(path: string): string[] {
  const value = /"extends"\s*:\s*("[^"]*"|\[[^\]]*\])/.exec(readFileSync(path, 'utf8'))?.[1] ?? ''
  return [...value.matchAll(/"([^"]*)"/g)].map((match) => match[1]!)
}

function resolveExtended(path: string, name: string): string | undefined {
  if (/^[./]/.test(name)) {
    const target = resolve(dirname(path), name)
    return target.endsWith('.json') ? target : `${target}.json`
  }
  for (const candidate of [name, `${name}.json`, `${name}/tsconfig.json`]) {
    try {
      return createRequire(path).resolve(candidate)
    } catch {
      // The next form, or none: the bundler has its own words for that.
    }
  }
  return undefined
}
