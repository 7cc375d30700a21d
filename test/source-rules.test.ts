/**
 * The sweep as a test: nothing dead, no long file or function, no long list of parameters, no
 * circle in C, one harness in QEMU tests.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('..', import.meta.url).pathname
const MAX_FILE_LINES = 400
const MAX_FUNCTION_LINES = 75
const MAX_PARAMETERS = 6
const MAX_README_LINES = 150
const MAX_COMMENT_COLUMNS = 100

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

const ownC = ['.c', '.h', '.S'].flatMap((ending) => filesIn('boot', ending))

/** Which texts are longer than one idea takes. */
function tooLong(files: readonly string[], textOf: (file: string) => string): string[] {
  return files.filter((file) => textOf(file).split('\n').length - 1 > MAX_FILE_LINES)
}

describe('files', () => {
  it(`have at most ${MAX_FILE_LINES} lines: each is one idea`, () => {
    const files = [...sources, ...ownC, ...filesIn('scripts/gdb', '.py')]
    expect(files.length).toBeGreaterThan(500)
    expect(tooLong(files, read)).toEqual([])
  })

  it(`are led to by a README of at most ${MAX_README_LINES} lines: the rest stands in docs/`, () => {
    expect(read('README.md').split('\n').length - 1).toBeLessThanOrEqual(MAX_README_LINES)
  })

  it('would be named if they had more (the rule can fail)', () => {
    const textOf = (lines: string): string => 'x\n'.repeat(Number(lines))
    expect(tooLong(['400', '401'], textOf)).toEqual(['401'])
  })
})

/**
 * Functions and methods as Biome lays them out: the closing brace stands below the first letter of
 * the head.
 */
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

/**
 * Commas of the outermost parentheses of a head; generics, records and function types hold some of
 * their own.
 */
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

/** The same of C, whose functions begin and end with a brace at the margin. */
function functionsOfC(text: string): { name: string; lines: number; parameters: number }[] {
  const definition = /^[a-z_][\w *]*?(\w+)(\([^;{]*\))\s*\n\{\n([\s\S]*?)\n\}$/gm
  return [...text.matchAll(definition)].map(([whole, name, list]) => ({
    name: name!,
    lines: whole!.split('\n').length,
    parameters: list === '(void)' ? 0 : countParameters(list!),
  }))
}

const functions = [
  ...sources.flatMap((file) => functionsOf(read(file)).map((found) => ({ file, ...found }))),
  ...ownC.flatMap((file) => functionsOfC(read(file)).map((found) => ({ file, ...found }))),
]

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
    const c = 'static uint8_t *at(const void *from, size_t (*of)(int, int))\n{\n    return 0;\n}\n'
    expect(functionsOfC(c)).toEqual([{ name: 'at', lines: 4, parameters: 2 }])
    expect(functions.filter(({ file }) => file.startsWith('boot/')).length).toBeGreaterThan(200)
  })

  it(`have at most ${MAX_FUNCTION_LINES} lines`, () => {
    expect(functions.filter(({ lines }) => lines > MAX_FUNCTION_LINES)).toEqual([])
  })

  it(`have at most ${MAX_PARAMETERS} parameters: more are a record`, () => {
    expect(functions.filter(({ parameters }) => parameters > MAX_PARAMETERS)).toEqual([])
  })
})

/** Which files say each word, comments apart. */
function usersOf(texts: ReadonlyMap<string, string>): Map<string, Set<string>> {
  const users = new Map<string, Set<string>>()
  for (const [file, text] of texts) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '')
    for (const word of code.match(/\b[A-Za-z_]\w*\b/g) ?? []) {
      const known = users.get(word)
      if (known === undefined) users.set(word, new Set([file]))
      else known.add(file)
    }
  }
  return users
}

const METHOD =
  /^ {2}(?:(?:public|protected|private|static|async|override|get|set) )*(\w+)(?:<[^(]*>)?\(.*[{,(]$/gm

/** A package whose methods others call. */
const PUBLISHED = 'scripts/qemu-runner/src/'

/** What the `judged` files export, or have as a method, and nobody needs. */
function deadIn(texts: ReadonlyMap<string, string>, judged: readonly string[]): string[] {
  const users = usersOf(texts)
  const isAlone = (name: string): boolean => users.get(name)!.size === 1
  return judged.flatMap((file) => {
    const text = texts.get(file)!
    const namesOf = (pattern: RegExp): string[] =>
      [...text.matchAll(pattern)].map((match) => match[1]!).filter(isAlone)
    const isSaidOnce = (name: string): boolean =>
      text.match(new RegExp(`\\b${name}\\b`, 'g'))!.length === 1
    const dead = [
      ...namesOf(/^export (?:async )?(?:function\*?|(?:abstract )?class) (\w+)/gm),
      // Of constants and types the file itself may be the user.
      ...namesOf(/^export (?:const|type|interface) (\w+)/gm).filter(isSaidOnce),
      ...(file.startsWith(PUBLISHED) ? [] : namesOf(METHOD))
        .filter((name) => name !== 'constructor')
        .filter(isSaidOnce),
    ]
    return dead.map((name) => `${file}: ${name}`)
  })
}

describe('exports and methods', () => {
  it('are used by somebody, or are not there', () => {
    const texts = new Map(typescript.map((file) => [file, read(file)]))
    expect(deadIn(texts, sources)).toEqual([])
  })

  it('would be found if nobody used them (the rule can fail)', () => {
    const texts = new Map([
      ['a.ts', 'export function used(): void {}\nexport function unused(): void {}\nunused()\n'],
      ['b.ts', "import { used } from './a.ts'\nexport const A = 1\nexport const B = 2 * used(B)\n"],
      [
        'c.ts',
        'class C {\n  called(): void {\n    this.called()\n  }\n  forgotten(): void {\n  }\n}\n',
      ],
    ])
    expect(deadIn(texts, [...texts.keys()])).toEqual(['a.ts: unused', 'b.ts: A', 'c.ts: forgotten'])
  })
})

/** Spellings of the British Isles, each with what the RFCs and this project write. */
const SPELLINGS: readonly [british: RegExp, american: string][] = [
  [/(?:neighb|behavi|col|flav|hon|fav|lab)our/i, '-or: neighbor, behavior, color'],
  [
    /(?:recogn|initial|summar|organ|normal|serial|minim|maxim|optim|priorit|synchron|final|util|general|special|visual|capital|emphas|character|author|memor|token|parallel|random)is(?:e|ing|ation)/i,
    '-ize: recognize, initialize, summarize',
  ],
  // `aria-labelledby` is a name of HTML's.
  [
    /(?<!aria-)(?:cance|signa|labe|mode|trave|dia|tunne|channe)ll(?:ed|ing)/i,
    '-led: canceled, signaled',
  ],
  [/(?:jud|acknowled)gement/i, '-dgment: judgment, acknowledgment'],
  [/(?:def|off)ence|\blicence/i, '-ense: defense, license'],
  [
    /artefact|catalogue|\bgrey|\bcentre|\bwhilst\b|\bamongst\b|\btowards\b/i,
    'artifact, catalog, gray, toward',
  ],
]

/** The American spelling for each British one in a text. */
function britishIn(text: string): string[] {
  return SPELLINGS.flatMap(([british, american]) => {
    const found = british.exec(text)
    return found === null ? [] : [`${found[0]} (${american})`]
  })
}

describe('words', () => {
  it('are spelled as in the RFCs, which write of neighbors and their behavior', () => {
    const folders = ['net', 'drivers', 'kernel', 'boot', 'scripts', 'examples', 'test', 'docs']
    const endings = ['.ts', '.c', '.h', '.S', '.py', '.sh', '.md', '.html']
    const files = [
      ...folders.flatMap((folder) => endings.flatMap((ending) => filesIn(folder, ending))),
      ...readdirSync(ROOT).filter((name) => name.endsWith('.md')),
    ].filter((file) => file !== 'test/source-rules.test.ts' && !file.includes('.generated.'))
    expect(files.length).toBeGreaterThan(900)
    const british = files.flatMap((file) =>
      britishIn(`${file}\n${read(file)}`).map((word) => `${file}: ${word}`),
    )
    expect(british).toEqual([])
  })

  it('would be named if they were not (the rule can fail)', () => {
    expect(britishIn('The neighbour is cancelled.')).toEqual([
      'neighbour (-or: neighbor, behavior, color)',
      'cancelled (-led: canceled, signaled)',
    ])
    expect(
      britishIn('A neighbor is canceled; its parallelism is optimistic, as promised.'),
    ).toEqual([])
  })
})

/** What tests of booted guests may take from qemu-runner as a value only in its own fixtures. */
const FIXTURES_ONLY = /^(?:launch|startVm|Topology|NetworkNamespace|Lan|Relay)$/

/**
 * Why a file of `test/qemu` makes a guest or a network that no fixture closes, or runs tests that
 * leave no bundle.
 */
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
      (file) =>
        file.endsWith('.test.ts') && !/from '\.\.?\/support\/fixtures\.ts'/.test(read(file)),
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

/** Lines of comments that are wider than code may be; what tells Biome something stands in one. */
function wideComments(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => /^\s*(?:\/\/|\/\*|\*)/.test(line) && line.length > MAX_COMMENT_COLUMNS)
    .filter((line) => !line.includes('biome-ignore'))
}

describe('comments', () => {
  it(`end at column ${MAX_COMMENT_COLUMNS}, as the code does`, () => {
    const written = typescript.filter((file) => !file.endsWith('.generated.ts'))
    const wide = written.flatMap((file) =>
      wideComments(read(file)).map((line) => `${file}: ${line}`),
    )
    expect(wide).toEqual([])
  })

  it('would be named if they did not (the rule can fail)', () => {
    expect(
      wideComments(`/** ${'a'.repeat(100)} */\nconst b = '${'c'.repeat(100)}'\n`),
    ).toHaveLength(1)
  })
})
