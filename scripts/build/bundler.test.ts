/**
 * Apps are bundled as the makers of npm packages expect it of a place like this: conditions, JSX,
 * paths, files.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { bundleApp } from './app-bundle.ts'

const ROOT = join(import.meta.dirname, '../..')
let folder = ''
beforeEach(() => {
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  // Within the project, so that the packages of its own are found.
  folder = mkdtempSync(join(ROOT, 'build/test/bundler-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, content: string | Uint8Array | object): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  const isRaw = typeof content === 'string' || content instanceof Uint8Array
  writeFileSync(join(folder, name), isRaw ? content : JSON.stringify(content))
}

/** What `export const result` of app.tsx is when the bundle runs. */
async function run(source: string): Promise<unknown> {
  write('app.tsx', source)
  const { outputFiles, warnings } = await bundleApp(
    build as never,
    {
      absWorkingDir: ROOT,
      outfile: join(folder, 'app.js'),
      bundle: true,
      write: false,
      format: 'esm',
      platform: 'neutral',
      target: 'es2023',
      external: ['eremite'],
      metafile: true,
      logLevel: 'silent',
    },
    ROOT,
    join(folder, 'app.tsx'),
  )
  expect(warnings).toEqual([])
  // Only a guest has that module, and nothing here asks it for anything.
  const text = outputFiles![0]!.text.replace(/^import .* from "eremite";$/gm, '')
  return (await import(`data:text/javascript,${encodeURIComponent(text)}`)).result
}

it.each([
  [['browser', 'worker', 'workerd', 'node', 'default'], 'browser'],
  [['node', 'workerd', 'browser', 'default'], 'workerd'],
  [['node', 'worker', 'default'], 'worker'],
  [['node', 'require', 'module', 'default'], 'module'],
  [['node', 'require', 'import', 'default'], 'import'],
  [['deno', 'node', 'development', 'default'], 'default'],
])('of a package that exports %j, %s is taken', async (conditions, expected) => {
  const exports = Object.fromEntries(conditions.map((name) => [name, `./${name}.js`]))
  write('node_modules/many/package.json', { name: 'many', exports })
  for (const name of conditions) {
    write(`node_modules/many/${name}.js`, `module.exports = '${name}'`)
  }
  expect(await run("import it from 'many'; export const result = it")).toBe(expected)
})

it('a package from before exports is taken by the file for browsers, then by its module', async () => {
  write('node_modules/old/package.json', { main: 'm.js', module: 'e.js', browser: 'b.js' })
  write('node_modules/older/package.json', { main: 'm.js', module: 'e.js' })
  for (const name of ['old', 'older']) {
    for (const file of ['m', 'e', 'b']) {
      write(`node_modules/${name}/${file}.js`, `export default '${file}'`)
    }
  }
  const source = "import a from 'old'; import b from 'older'; export const result = a + b"
  expect(await run(source)).toBe('be')
})

it('what is for development only is left out', async () => {
  write('node_modules/dev/package.json', { main: 'index.js' })
  write(
    'node_modules/dev/index.js',
    "if (process.env.NODE_ENV !== 'production') require('./dev.js'); module.exports = process.env.NODE_ENV",
  )
  expect(await run("import it from 'dev'; export const result = it")).toBe('production')
})

it('the global object has the names that packages know it by, with what is bundled', async () => {
  const source = `export const result = [
    typeof self, self === globalThis, global === globalThis, typeof self.URL, typeof global.Headers,
    ((self) => self)(7),
  ]`
  expect(await run(source)).toEqual(['object', true, true, 'function', 'function', 7])
  expect(await run('export const result = self.URL === URL && global.URL === globalThis.URL')).toBe(
    true,
  )
})

it('JSX is that of the pragma alone, that of tsconfig.json otherwise', async () => {
  const page = 'export const result = String(<p class="x">{"<"}</p>)'
  const expected = '<p class="x">&lt;</p>'
  expect(await run(`/** @jsxImportSource hono/jsx */\n${page}`)).toBe(expected)
  write('tsconfig.json', { compilerOptions: { jsx: 'react-jsx', jsxImportSource: 'hono/jsx' } })
  expect(await run(page)).toBe(expected)
})

it('paths of tsconfig.json are followed', async () => {
  write('tsconfig.json', { compilerOptions: { paths: { '@/*': ['./src/*'] } } })
  write('src/name.ts', "export const name: string = 'found'")
  expect(await run("export { name as result } from '@/name'")).toBe('found')
})

it('files that are no code are text, bytes or values: by their ending, or as the import says', async () => {
  const bytes = Uint8Array.of(0, 1, 128, 255, 10)
  for (const name of ['a.txt', 'a.html', 'a.css', 'a.svg', 'a.foo']) write(name, name)
  for (const name of ['a.png', 'a.bin', 'a.wasm', 'a.bar']) write(name, bytes)
  write('a.json', { deep: [1] })
  write('a.baz', { deep: [2] })
  const texts = ['a.txt', 'a.html', 'a.css', 'a.svg']
  const binaries = ['a.png', 'a.bin', 'a.wasm']
  const result = await run(`
    ${[...texts, ...binaries, 'a.json'].map((it, at) => `import i${at} from './${it}'`).join('\n')}
    import text from './a.foo' with { type: 'text' }
    import bytes from './a.bar' with { type: 'bytes' }
    import value from './a.baz' with { type: 'json' }
    export const result = [i0, i1, i2, i3, i4, i5, i6, i7, text, bytes, value]`)
  const json = [{ deep: [1] }, 'a.foo', bytes, { deep: [2] }]
  expect(result).toEqual([...texts, bytes, bytes, bytes, ...json])
})
