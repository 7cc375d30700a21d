/** The sweep as a test: nothing dead, no long function, no long list of parameters, no circle in C. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('..', import.meta.url).pathname
const MAX_FUNCTION_LINES = 75
const MAX_PARAMETERS = 6

function filesIn(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules') && !path.includes('/dist/'))
    .sort()
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

const typescript = ['net', 'drivers', 'kernel', 'scripts', 'examples', 'test'].flatMap((folder) =>
  filesIn(folder, '.ts'),
)
/** What is ours to keep short: not generated, no declarations, no tests. */
const sources = typescript.filter(
  (file) => !/^test\/|\/test\/|\.generated\.ts$|\.d\.ts$/.test(file),
)

/** Functions and methods as Biome lays them out: the closing brace stands below the first letter of the head. */
function functionsOf(text: string): { name: string; lines: number; parameters: number }[] {
  const head =
    /^( *)(?:export )?(?:default )?(?:async )?(?:function\*? (\w+)|(?:(?:private|protected|public|static|override|async|get|set) )*(\w+))(?:<[^(]*>)?\(/
  const lines = text.split('\n')
  return lines.flatMap((line, start) => {
    const match = head.exec(line)
    if (match === null) return []
    const name = match[2] ?? match[3]!
    if (/^(if|for|while|switch|catch|return|super|constructor\.)$/.test(name)) return []
    const indent = match[1]!
    // The head ends on its own line, or on the one that closes the list of parameters.
    const closing = line.endsWith('(')
      ? lines.findIndex((other, at) => at > start && other.startsWith(`${indent})`))
      : start
    // Methods of object literals have a comma behind the brace.
    const end = lines.findIndex(
      (other, at) => at > start && other.replace(/,$/, '') === `${indent}}`,
    )
    if (end < 0 || !lines[closing]?.endsWith('{')) return []
    const list = lines.slice(start, closing + 1).join('\n')
    return [{ name, lines: end - start + 1, parameters: countParameters(list) }]
  })
}

/** Commas of the outermost parentheses of a head; generics, records and function types hold some of their own. */
function countParameters(head: string): number {
  let depth = 0
  let count = 0
  let isEmpty = true
  for (const letter of head.slice(head.indexOf('(')).replaceAll('=>', '')) {
    if (/[([{<]/.test(letter)) depth++
    else if (/[)\]}>]/.test(letter)) depth--
    else if (letter === ',' && depth === 1) count++
    else if (depth === 1 && /\S/.test(letter)) isEmpty = false
    if (depth === 1 && letter !== ',' && /[{[]/.test(letter)) isEmpty = false
    if (depth === 0) break
  }
  const hasTrailingComma = /,\s*\)[^(]*$/.test(head)
  return isEmpty && count === 0 ? 0 : count + (hasTrailingComma ? 0 : 1)
}

const functions = sources.flatMap((file) =>
  functionsOf(read(file)).map((found) => ({ file, ...found })),
)

describe('functions', () => {
  it('are found, with their lengths and parameters', () => {
    expect(functions.length).toBeGreaterThan(1500)
    const text = [
      'export function sum(',
      '  a: Map<string, number>,',
      '  b: (c: number, d: number) => void,',
      '  { e, f }: Pair,',
      '): number {',
      '  return 1',
      '}',
      'class A {',
      '  private b(): void {',
      '  }',
      '}',
    ].join('\n')
    expect(functionsOf(text)).toEqual([
      { name: 'sum', lines: 7, parameters: 3 },
      { name: 'b', lines: 2, parameters: 0 },
    ])
  })

  it(`have at most ${MAX_FUNCTION_LINES} lines`, () => {
    expect(functions.filter(({ lines }) => lines > MAX_FUNCTION_LINES)).toEqual([])
  })

  it(`have at most ${MAX_PARAMETERS} parameters: more are a record`, () => {
    expect(functions.filter(({ parameters }) => parameters > MAX_PARAMETERS)).toEqual([])
  })
})

describe('exports', () => {
  const users = new Map<string, Set<string>>()
  for (const file of typescript) {
    const code = read(file).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    for (const word of code.match(/\b[A-Za-z_]\w*\b/g) ?? []) {
      const known = users.get(word)
      if (known === undefined) users.set(word, new Set([file]))
      else known.add(file)
    }
  }

  it('of functions and classes are used in another file, or are not exported', () => {
    const unused = sources.flatMap((file) =>
      [...read(file).matchAll(/^export (?:async )?(?:function\*?|class) (\w+)/gm)]
        .map((match) => match[1]!)
        .filter((name) => users.get(name)!.size === 1)
        .map((name) => `${file}: ${name}`),
    )
    expect(unused).toEqual([])
  })

  it('of constants are used somewhere', () => {
    const unused = sources.flatMap((file) => {
      const text = read(file)
      return [...text.matchAll(/^export const (\w+)/gm)]
        .map((match) => match[1]!)
        .filter(
          (name) =>
            users.get(name)!.size === 1 &&
            text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length === 1,
        )
        .map((name) => `${file}: ${name}`)
    })
    expect(unused).toEqual([])
  })
})

/** What tests of booted guests may take from qemu-runner as a value only in its own fixtures. */
const FIXTURES_ONLY = /^(?:launch|startVm|Topology|NetworkNamespace|Lan|Relay)$/

/** Why a file of `test/qemu` makes a guest or a network that no fixture closes, or runs tests that leave no bundle. */
function besideFixtures(text: string): string[] {
  return [...text.matchAll(/^import \{([^}]*)\} from '(qemu-runner|vitest)'/gm)].flatMap(
    ([, names, from]) =>
      names!
        .split(',')
        .map((name) => name.trim())
        .filter((name) =>
          from === 'vitest' ? /^(?:it|test)$/.test(name) : FIXTURES_ONLY.test(name),
        ),
  )
}

describe('tests of booted guests', () => {
  const files = filesIn('test/qemu', '.ts')

  it('take guests and networks from the fixtures, which close them and leave a bundle', () => {
    expect(files.length).toBeGreaterThan(50)
    const beside = files.flatMap((file) =>
      besideFixtures(read(file)).map((name) => `${file}: ${name}`),
    )
    expect(beside).toEqual([])
    const bare = files.filter(
      (file) => file.endsWith('.test.ts') && !read(file).includes("from './support/fixtures.ts'"),
    )
    expect(bare).toEqual([])
  })

  it('would be told if they did not (the rule can fail)', () => {
    const text =
      "import {\n  type Lan,\n  launch,\n} from 'qemu-runner'\nimport { it } from 'vitest'\n"
    expect(besideFixtures(text)).toEqual(['launch', 'it'])
    expect(besideFixtures("import { type Lan, Peer } from 'qemu-runner'\n")).toEqual([])
  })
})

/** Which C file uses a function or a variable of which other one. */
function usesInC(files: readonly string[], textOf: (file: string) => string) {
  const texts = new Map(
    files.map((file) => [file, textOf(file).replace(/\/\*[\s\S]*?\*\//g, '')] as const),
  )
  const owners = new Map<string, string>()
  for (const [file, text] of texts) {
    const definitions = [
      ...text.matchAll(/^(?!static|extern|typedef|return)[a-z_][\w *]*?\b(\w+)\([^;{]*\)\s*\{/gm),
      ...text.matchAll(
        /^(?!static|extern|typedef|return)[a-z_][\w ]*[ *](\w+)(?:\[[^\]]*\])?(?: = [^;]*)?;/gm,
      ),
    ]
    for (const [, name] of definitions) owners.set(name!, file)
  }
  const uses = new Map<string, Set<string>>()
  for (const [file, text] of texts) {
    const targets = new Set<string>()
    const own = new Set(
      [...text.matchAll(/^static [\w *]*?[ *](\w+)(?=[[(;]| =)/gm)].map((match) => match[1]),
    )
    for (const word of text.match(/\b[a-z_]\w*\b/g) ?? []) {
      const owner = owners.get(word)
      if (owner !== undefined && owner !== file && !own.has(word)) targets.add(owner)
    }
    uses.set(file, targets)
  }
  return uses
}

function circlesOf(uses: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (file: string, path: string[]) => {
    if (path.includes(file)) {
      const circle = [...path.slice(path.indexOf(file)), file]
      circles.push(circle.map((name) => basename(name)).join(' -> '))
      return
    }
    if (done.has(file)) return
    for (const next of uses.get(file) ?? []) visit(next, [...path, file])
    done.add(file)
  }
  for (const file of uses.keys()) visit(file, [])
  return circles
}

describe('C files of boot/', () => {
  it('call each other without a circle', () => {
    const files = filesIn('boot', '.c')
    const uses = usesInC(files, read)
    expect([...uses.values()].reduce((sum, targets) => sum + targets.size, 0)).toBeGreaterThan(50)
    expect(circlesOf(uses)).toEqual([])
  })

  it('would be told if they did (the rule can fail)', () => {
    const texts: Record<string, string> = {
      'a.c': 'void a(void)\n{\n    b();\n}\n',
      'b.c': 'int count;\nvoid b(void)\n{\n    c();\n}\n',
      'c.c': 'static void a(void);\nvoid c(void)\n{\n    count++;\n}\n',
    }
    const uses = usesInC(Object.keys(texts), (file) => texts[file]!)
    expect(circlesOf(uses)).toEqual(['b.c -> c.c -> b.c'])
  })
})
