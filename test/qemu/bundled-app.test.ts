/**
 * An app as people write them, JSX, tsconfig paths and files that are no code included, runs in a
 * guest.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { ROOT } from './support/paths.ts'

const BYTES = Uint8Array.from({ length: 256 }, (_, at) => at)
const FILES: Readonly<Record<string, string | Uint8Array>> = {
  'tsconfig.json': '{ "compilerOptions": { "paths": { "~/*": ["./src/*"] } } }',
  'src/title.ts': "export const title: string = 'from a path'",
  'style.css': 'p { color: green }',
  'icon.png': BYTES,
  'words.foo': 'grüße',
  'bundled.tsx': `/** @jsxImportSource hono/jsx */
import { Hono } from 'hono'
import { title } from '~/title'
import icon from './icon.png'
import style from './style.css'
import words from './words.foo' with { type: 'text' }
const app = new Hono()
app.get('/', (c) => c.html(<p style={style}>{title} & {words} {process.env.NODE_ENV}</p>))
app.get('/icon.png', (c) => c.body(icon))
export default app`,
}

let folder = ''
let initrd = ''
beforeAll(async () => {
  mkdirSync(join(ROOT, 'build/test'), { recursive: true })
  // Within the project, so that the packages of its own are found.
  folder = mkdtempSync(join(ROOT, 'build/test/bundled-app-'))
  mkdirSync(join(folder, 'src'))
  for (const [name, content] of Object.entries(FILES)) writeFileSync(join(folder, name), content)
  initrd = await buildApp(relative(ROOT, join(folder, 'bundled.tsx')))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.override('guest', () => ({
  ...GUEST,
  initrd,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80, hostPort: 0 }] }],
}))

test('an app with JSX, paths, a style, a picture and text is served', async ({ vm, ready }) => {
  expect(ready.listening).toEqual([{ port: 80, protocol: 'tcp' }])
  const site = `http://127.0.0.1:${await vm.forwardedPort(80)}`
  const page = await fetch(site)
  expect(await page.text()).toBe(
    '<p style="p { color: green }">from a path &amp; grüße production</p>',
  )
  const icon = await fetch(`${site}/icon.png`)
  expect(new Uint8Array(await icon.arrayBuffer())).toEqual(BYTES)
})
