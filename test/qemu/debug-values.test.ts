/** gdb shows the values of an app: every kind, in generators, closures and async functions. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { copyImage, debugSession, removeImage, runCommand } from './support/gdb-session.ts'
import { IMAGE, ROOT } from './support/paths.ts'
import { parseFrames } from './support/typescript-frames.ts'

test.override('guest', { ...GUEST, network: 'direct' })

let image = ''
beforeAll(() => {
  image = copyImage()
})
afterAll(() => removeImage(image))

/**
 * An app with a value of each kind in an argument, where the bundler leaves it; Math.hypot is
 * native.
 */
const VALUES_APP = `
class Base { #secret = 7; get size() { return this.#secret } }
class Ring extends Base { head = 1; used = [1, [2], { a: 1 }]; bytes = new Uint8Array(1500) }
class Holder {
  constructor(readonly mark: number) {}
  plain(from: number) { return [...numbers(from)].length }
  padded(from: number, more?: number) { return new Holder(5).plain(from) + (more ?? 0) }
  around(from: number) {
    const inner = () => new Holder(6).padded(from) + this.mark
    return inner()
  }
}
function* numbers(from: number) {
  yield Math.hypot(from, 4)
}
async function flow(ring: Ring, wide: string, none: unknown, integer: number, float: number, negativeZero: number,
  big: bigint, small: bigint, nothing: null, yes: boolean, long: string, rope: string, symbol: symbol,
  map: Map<number, number>, error: Error, settled: Promise<number>, view: DataView) {
  await null
  const call = (add: number) =>
    new Holder(7).around(add) + Number(small)
  const sum =
    call(integer)
  return [call, sum, ring, wide, none, float, negativeZero, big, nothing, yes, long, rope, symbol, map, error, settled, view]
}
export const done = await flow(new Ring(), 'žluť\\n', undefined, -5, 1.5, -0, 2n ** 80n, 12n, null, true,
  'x'.repeat(300), 'y'.repeat(9000) + 'z'.repeat(9000), Symbol('mark'), new Map([[1, 2]]), new TypeError('bad'),
  Promise.resolve(3), new DataView(new ArrayBuffer(8)))
`

describe('values', () => {
  test('shows every kind of value, in generators, closures and async functions of an app', async ({
    site,
  }) => {
    const folder = mkdtempSync(join(tmpdir(), 'eremite-test-'))
    const source = join(folder, 'debug-values.ts')
    const container = join(dirname(IMAGE), 'debug-values.app')
    try {
      writeFileSync(source, VALUES_APP)
      const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
      await runCommand([process.execPath, tsx, join(ROOT, 'scripts/build.ts'), `APP=${source}`])
      copyFileSync(container.replace(/app$/, 'js.map'), join(dirname(image), 'debug-values.js.map'))
      const output = await debugSession(
        site,
        [
          ...['break js_math_hypot', 'continue', 'js-bt', 'js-locals', 'js-frame 7', 'js-locals'],
          ...['js-print ring', 'js-print ring.used[2].a', 'js-print ring.size'],
          ...['js-print ring.bytes[3]', 'js-print wide.length'],
          ...['js-frame 2', 'js-print this', 'js-frame 3', 'js-print this.mark'],
          ...['js-frame 4', 'js-print this.mark', 'js-locals', 'js-locals 5', 'js-locals 6'],
        ],
        { image, initrd: container },
      )
      const frames = parseFrames(output[2]!)
      const lineOf = (text: string): number =>
        VALUES_APP.split('\n').findIndex((line) => line.includes(text)) + 1
      const lines = frames.map(({ name, file, line }) => `${name} ${file ?? '(native)'}:${line}`)
      expect(lines.slice(0, 8)).toEqual([
        'hypot (native):NaN',
        `numbers ${source}:${lineOf('yield Math.hypot')}`,
        `plain ${source}:${lineOf('[...numbers(from)]')}`,
        `padded ${source}:${lineOf('.plain(from)')}`,
        `inner ${source}:${lineOf('.padded(from)')}`,
        `around ${source}:${lineOf('return inner()')}`,
        `call ${source}:${lineOf('.around(add)')}`,
        `flow ${source}:${lineOf('call(integer)')}`,
      ])
      expect(output[3]).toBe('from = -5\n')
      const flow = output[5]!
      expect(flow.split('\n')).toEqual(
        expect.arrayContaining([
          'ring = Ring {#secret: 7, head: 1, used: Array(3), bytes: Uint8Array(1500)}',
          'wide = "žluť\\n"',
          'none = undefined',
          'integer = -5',
          'float = 1.5',
          'negativeZero = -0',
          'big = 1208925819614629174706176n',
          'small = 12n',
          'nothing = null',
          'yes = true',
          `long = "${'x'.repeat(60)}…"`,
          `rope = "${'y'.repeat(60)}…"`,
          'symbol = Symbol(mark)',
          'map = Map(1)',
          'error = TypeError: bad',
          'settled = Promise {fulfilled: 3}',
          'view = DataView(8)',
          'call = [Function: call]',
        ]),
      )
      expect(output.slice(6, 11).map((text) => text.trim())).toEqual([
        'ring = Ring {#secret: 7, head: 1, used: [1, Array(1), {…}], bytes: Uint8Array(1500)}',
        'ring.used[2].a = 1',
        'Cannot read .size: <accessor>, its code would have to run',
        'ring.bytes[3] = 0',
        'Cannot read .length: "žluť\\n" is no object',
      ])
      // `this` of a method that does not name it, of one called with too few arguments, and of an
      // arrow function, which has that of the function around it; a function that was not called as
      // a method has none.
      const [, plain, , padded, , captured, inner, around, call] = output
        .slice(11)
        .map((text) => text.trim())
      expect(plain).toMatch(/^this = _?Holder \{mark: 5\}$/)
      expect(padded).toBe('this.mark = 6')
      expect(captured).toBe('this.mark = 7')
      expect(inner).toMatch(/^this = _?Holder \{mark: 7\}$/m)
      expect(inner).not.toContain('(captured) this')
      expect(around).toMatch(/^this = _?Holder \{mark: 7\}$/m)
      expect(call).not.toMatch(/^this = /m)
    } finally {
      rmSync(folder, { recursive: true, force: true })
      for (const name of ['app', 'app.bytecode', 'app.stamp', 'js', 'js.map']) {
        rmSync(container.replace(/app$/, name), { force: true })
      }
    }
  })
})
