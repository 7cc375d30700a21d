/** What an app carries: only what its own text, npm packages included, shows that it uses. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { build } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { bundleApp, findUses } from './app-bundle.ts'

const ROOT = join(import.meta.dirname, '../..')
mkdirSync(join(ROOT, 'build/test'), { recursive: true })
// Within the project, so that the packages of its own are found.
const folder = mkdtempSync(join(ROOT, 'build/test/app-bundle-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** The names of the files of ours and of the packages that are part of the app. */
async function partsOf(source: string): Promise<string[]> {
  const entry = join(folder, 'app.ts')
  writeFileSync(entry, source)
  const options = {
    absWorkingDir: ROOT,
    outfile: join(folder, 'app.js'),
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'neutral',
    target: 'es2023',
    external: ['eremite'],
    treeShaking: true,
    metafile: true,
    logLevel: 'silent',
  } as const
  const { metafile } = await bundleApp(
    build as never,
    { ...options, external: ['eremite'] },
    ROOT,
    entry,
  )
  const inputs = Object.values(metafile.outputs)[0]!.inputs
  return Object.keys(inputs)
    .filter((path) => inputs[path]!.bytesInOutput > 100)
    .map((path) => basename(path))
}

const STREAMS = ['ponyfill.mjs', 'body-stream.ts']
const FORMS = ['form-data.ts', 'multipart-reader.ts', 'form-content.ts']
const SUBTLE = ['hash.ts', 'subtle-crypto.ts', 'install-subtle.ts']
const PACKING = ['browser.js']
const ALL = [
  ...STREAMS,
  ...FORMS,
  ...SUBTLE,
  ...PACKING,
  'locale-notice.ts',
  'plain-body-stream.ts',
]

const served = (body: string) =>
  `export default { async fetch(request: Request): Promise<Response> { ${body} } }`

describe('an app', () => {
  it.each([
    ['that only answers', served("return new Response('x')"), ['plain-body-stream.ts']],
    [
      'that passes a body on',
      served('return new Response(request.body)'),
      ['plain-body-stream.ts'],
    ],
    [
      'that iterates a body',
      served('for await (const it of request.body as never) void it; return new Response()'),
      ['plain-body-stream.ts'],
    ],
    [
      'that mentions streams in types and comments only',
      `type It = ReadableStream; /* getReader */ ${served('return new Response() // .tee()\n')}`,
      ['plain-body-stream.ts'],
    ],
    ['with a reader', served('request.body!.getReader(); return new Response()'), STREAMS],
    ['with a pipe', served('request.body!.pipeTo({} as never); return new Response()'), STREAMS],
    ['that tees', served('return new Response(request.body!.tee()[0])'), STREAMS],
    ['with a class of streams', served('return new Response(new ReadableStream())'), STREAMS],
    [
      'that packs',
      served("return new Response(request.body!.pipeThrough(new CompressionStream('gzip')))"),
      [...STREAMS, ...PACKING],
    ],
    [
      'with a form',
      served('return new Response(await request.formData() as never)'),
      [...FORMS, 'plain-body-stream.ts'],
    ],
    [
      'with a blob',
      served("return new Response(new Blob(['x']))"),
      [...FORMS, 'plain-body-stream.ts'],
    ],
    [
      'with crypto.subtle',
      served("const c = crypto; c.subtle.digest('SHA-1', new Uint8Array()); return new Response()"),
      [...SUBTLE, 'plain-body-stream.ts'],
    ],
    [
      'with a locale',
      served("return new Response((1).toLocaleString('de'))"),
      ['locale-notice.ts', 'plain-body-stream.ts'],
    ],
    ['that serves nothing', "console.log('a'.localeCompare('b'))", ['locale-notice.ts']],
    ['that names nothing', "console.log('x')", []],
  ])('%s carries what belongs to that', async (_name, source, expected) => {
    const parts = await partsOf(source)
    expect(parts.filter((part) => ALL.includes(part)).sort()).toEqual([...expected].sort())
  })

  it.each([
    ['a server of WebSockets', 'new WebSocketPair()', 'link.ts'],
    ['a client of WebSockets', "new WebSocket('ws://a')", 'link.ts'],
    ['channels', 'new MessageChannel()', 'message-channel.ts'],
    ['URL patterns', 'new URLPattern()', 'urlpattern.js'],
    ['Buffer', "globalThis.Buffer.from('x')", 'index.js'],
  ])('that names %s carries that, and no other does', async (_what, expression, part) => {
    expect(await partsOf(`console.log(${expression})`)).toContain(part)
    expect(await partsOf(served("return new Response('x')"))).not.toContain(part)
  })

  it.each([
    [
      'asks for Buffer',
      "export const is = (x) => typeof Buffer !== 'undefined' && Buffer.isBuffer(x)",
      false,
    ],
    [
      'asks globalThis for it',
      "export const is = (x) => typeof globalThis.Buffer === 'function'",
      false,
    ],
    ['uses it', 'export const is = (x) => Buffer.isBuffer(x)', true],
    ['asks here and uses there', "export { is } from './uses.js'; typeof Buffer", true],
    ['mentions it', '/* Buffer */ export const is = (x) => x.name', false],
    [
      'has another way',
      "const has = 'u' > typeof Buffer; export const is = (x) => (has ? Buffer.from(x) : btoa(x))",
      false,
    ],
    [
      'throws with Buffer and without',
      `export const is = (x) => {
        if (x === null) throw new TypeError('null')
        return typeof Buffer === 'undefined' ? btoa(x) : Buffer.from(x)
      }`,
      false,
    ],
    [
      'asks for more than Buffer, like buffer-from',
      `var isModern = typeof Buffer !== 'undefined' && typeof Buffer.from === 'function'
      export const is = (x) => (isModern ? Buffer.from(x) : new Buffer(x))`,
      true,
    ],
    [
      'asks in one place and uses it in another',
      `export const is = (x) => typeof Buffer !== 'undefined' && Buffer.isBuffer(x)
      console.log(Buffer.from('x'))`,
      true,
    ],
    [
      'asks only for a method of it',
      "export const is = (x) => typeof Buffer.from === 'function' && Buffer.isBuffer(x)",
      true,
    ],
    [
      'holds on to it and asks once',
      `const B = typeof Buffer === 'undefined' ? null : Buffer
      export const is = (x) => B.isBuffer(x)`,
      true,
    ],
    [
      'compares with its class',
      "export const is = (x) => typeof Buffer !== 'undefined' && x instanceof Buffer",
      false,
    ],
    [
      'holds on to it unasked',
      'const B = globalThis.Buffer; export const is = (x) => typeof Buffer + B.from(x)',
      true,
    ],
    [
      'throws without it',
      `if (typeof Buffer === 'undefined') throw new Error('needs Buffer')
      export const is = (x) => Buffer.isBuffer(x)`,
      true,
    ],
    [
      'comes to a throw without it',
      `export const is = (x) => {
        if (typeof Buffer === 'function') return Buffer.isBuffer(x)
        throw new Error('needs Buffer')
      }`,
      true,
    ],
    [
      'holds the question in a string, too',
      "export const is = (x) => typeof Buffer > 'u' ? 'typeof Buffer' : Buffer.isBuffer(x)",
      true,
    ],
  ])('with a package that %s carries Buffer only when it is used', async (_, text, does) => {
    const own = join(folder, 'node_modules/asking')
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'package.json'), '{"main":"asking.js"}')
    writeFileSync(join(own, 'asking.js'), text)
    writeFileSync(join(own, 'uses.js'), 'export const is = (x) => Buffer.isBuffer(x)')
    try {
      const asking = "import { is } from 'asking'; console.log(is({}))"
      const hasBuffer = async (source: string) => (await partsOf(source)).includes('index.js')
      expect(await hasBuffer(asking)).toBe(does)
      // Where there are Buffers, whoever asks is told so.
      for (const use of ["Buffer.from('x')", "require('node:crypto').randomBytes(1)"]) {
        expect(await hasBuffer(`${asking}; console.log(${use})`)).toBe(true)
      }
    } finally {
      rmSync(own, { recursive: true })
    }
  })

  it.each([
    "console.log(typeof Buffer !== 'undefined' && Buffer.from('x'))",
    `const log = (..._: unknown[]): void => {}
    class Logged { constructor(@log readonly name: string) {} } // no Buffer
    console.log(new Logged('x'), typeof Buffer === 'undefined' ? 0 : Buffer.from('x'))`,
  ])('that asks for Buffer itself carries it: %s', async (source) => {
    writeFileSync(
      join(folder, 'tsconfig.json'),
      '{"compilerOptions":{"experimentalDecorators":true}}',
    )
    try {
      expect(await partsOf(source)).toContain('index.js')
    } finally {
      rmSync(join(folder, 'tsconfig.json'))
    }
  })

  it('that names nothing of the web carries nothing of it', async () => {
    expect(await partsOf("console.log('x')")).toEqual([])
  })

  it.each([
    ["import { createHash } from 'node:crypto'; console.log(createHash)", 'crypto.ts'],
    ["import { createHash } from 'crypto'; console.log(createHash)", 'crypto.ts'],
    ["const Emitter = require('events'); console.log(new Emitter())", 'events.ts'],
    ["const { once } = require('node:events'); console.log(once)", 'events.ts'],
    ["import { join } from 'path'; console.log(join('a', 'b'))", 'index.js'],
    ["import assert from 'node:assert/strict'; assert(1)", 'assert.ts'],
    ["const { setTimeout: wait } = require('timers/promises'); wait(1)", 'timers-promises.ts'],
    ["import { StringDecoder } from 'string_decoder'; new StringDecoder()", 'string-decoder.ts'],
    ['globalThis.setImmediate(() => {})', 'immediate.ts'],
  ])('that asks for a module of Node.js by %s carries ours', async (source, expected) => {
    expect(await partsOf(source)).toContain(expected)
  })

  it("with a package of its own that is named like one of Node.js' carries that", async () => {
    const own = join(folder, 'node_modules/events')
    mkdirSync(own, { recursive: true })
    writeFileSync(join(own, 'index.js'), `export default 'own'; console.log('${'x'.repeat(200)}')`)
    try {
      const source = "import events from 'events'; console.log(events)"
      expect(await partsOf(source)).toContain('index.js')
      expect(await partsOf(source.replace("'events'", "'node:events'"))).toContain('events.ts')
    } finally {
      rmSync(own, { recursive: true })
    }
  })

  it('with a package that uses something carries it', async () => {
    const parts = await partsOf(`
      import { Hono } from 'hono'
      import { bodyLimit } from 'hono/body-limit'
      export default new Hono().use(bodyLimit({ maxSize: 1 }))`)
    expect(parts).toContain('ponyfill.mjs')
    expect(parts).not.toContain('sha2.js')
    const plain = await partsOf("import { Hono } from 'hono'; export default new Hono()")
    expect(plain).not.toContain('ponyfill.mjs')
  })
})

it('words within other words are none', () => {
  expect([...findUses('onTeeShirt(); x.teeth; fileName; subtleties; myblob; streamSSE()')]).toEqual(
    [],
  )
  expect([...findUses("body['getReader']()")]).toEqual(['streams'])
})
