/** What TypeScript says of members: one key for one declaration. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, expect, it } from 'vitest'
import { type Member, memberTypes } from './member-types.ts'

const ROOT = join(import.meta.dirname, '../..')
mkdirSync(join(ROOT, 'build/test'), { recursive: true })
const folder = mkdtempSync(join(ROOT, 'build/test/member-types-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const INTERFACE = 'export interface Sink { take(value: number): void; end(): void }\n'
const USER = `import type { Sink } from './sink.ts'
import { Store } from './store.ts'
export { Store }
export function run(sink: Sink, store: Store): number { sink.take(store.most); store.take(2); return store.size }`
const STORE = `import type { Sink } from './sink.ts'
export class Store implements Sink {
  readonly most: number = 7
  size = 0
  take(value: number): void { this.size += this.clip(value) }
  end(): void {}
  private clip(value: number): number { return Math.min(value, this.most) }
}`

let project = 0

/** The members of a program by the text of their use, as `sink.take`. */
async function membersOf(where: string) {
  const root = join(folder, String(project++))
  const files = { sink: INTERFACE, store: STORE, user: USER }
  for (const [name, text] of Object.entries(files)) {
    const path = join(root, where, `${name}.ts`)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }
  const compilerOptions = {
    strict: true,
    noEmit: true,
    allowImportingTsExtensions: true,
    target: 'ES2023',
    module: 'ESNext',
  }
  writeFileSync(
    join(root, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, include: ['net', 'kernel'] }),
  )
  const path = join(root, 'out.js')
  await build({
    ...{ absWorkingDir: root, entryPoints: [join(where, 'user.ts')], outfile: path },
    ...{ bundle: true, format: 'esm', target: 'es2023', sourcemap: 'linked' },
  })
  const bundle = readFileSync(path, 'utf8')
  const types = await memberTypes({
    bundle,
    sourceMap: readFileSync(`${path}.map`, 'utf8'),
    path,
    root,
  })
  return (use: string): Member | undefined =>
    types.get(bundle.lastIndexOf(use) + use.indexOf('.') + 1)
}

it('gives all uses of a declaration one key, and tells what is private where it is declared', async () => {
  const member = await membersOf('net/iface')
  expect(member('store.take')?.key).toBeTruthy()
  expect(member('store.most')).toMatchObject({ isPrivate: false })
  expect(member('this.most')?.key).toBe(member('store.most')?.key)
  expect(member('this.clip')).toMatchObject({ isPrivate: false })
  expect(member('store.size')?.key).not.toBe(member('store.most')?.key)
})

it('leaves a method of an interface apart from that of a class which fits it', async () => {
  const member = await membersOf('net/iface')
  expect(member('sink.take')?.key).toBeTruthy()
  expect(member('sink.take')?.key).not.toBe(member('store.take')?.key)
})
