/** The web globals for apps, compared with Node's own where Node has them. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createAppGlobals, installAppGlobals } from '../../../../kernel/globals/app-globals.ts'
import { Logger, type LogLevel } from '../../../../kernel/logger.ts'
import { TimerQueue } from '../../../../kernel/timer-queue.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

function fixture(level: LogLevel = 'info') {
  const lines: string[] = []
  const clock = { nowNs: 0 }
  const timers = new TimerQueue()
  const log = new Logger('app', level, {
    write: (text) => lines.push(text),
    nowNs: () => clock.nowNs,
  })
  const options = {
    platform: {
      monotonicNs: () => clock.nowNs,
      encodeUtf8: (text: string, target: Uint8Array, offset: number) =>
        encoder.encodeInto(text, target.subarray(offset)).written,
      decodeUtf8: (bytes: Uint8Array, offset: number, length: number) =>
        decoder.decode(bytes.subarray(offset, offset + length)),
      isUtf8: (bytes: Uint8Array, offset: number, length: number) =>
        isUtf8(bytes.subarray(offset, offset + length)),
      mapStackTrace: (stack: string) => stack.split('\n').slice(1, 2).join('\n'),
    },
    log,
    timers,
    random: { fill: (target: Uint8Array) => void target.fill(0xa5) },
  }
  const advance = (milliseconds: number) => {
    clock.nowNs += milliseconds * 1e6
    timers.runDue(clock.nowNs, 1000)
  }
  return { lines, timers, options, advance, globals: createAppGlobals(options) }
}

describe('timers', () => {
  it('run once, after their delay, with their arguments', () => {
    const { globals, advance } = fixture()
    const calls: unknown[][] = []
    globals.setTimeout((...values) => calls.push(values), 10, 'a', 1)
    advance(9.9)
    expect(calls).toEqual([])
    advance(0.1)
    advance(100)
    expect(calls).toEqual([['a', 1]])
  })

  it('repeat until cleared, from inside a callback too', () => {
    const { globals, advance, timers } = fixture()
    let runs = 0
    const id = globals.setInterval(() => {
      if (++runs === 3) globals.clearInterval(id)
    }, 5)
    for (let step = 0; step < 10; step++) advance(5)
    expect(runs).toBe(3)
    expect(timers.size).toBe(0)
  })

  it('ignore what is not running, and refuse a callback that is none', () => {
    const { globals, timers } = fixture()
    globals.clearTimeout(globals.setTimeout(() => {}, 5))
    globals.clearTimeout(99)
    globals.clearTimeout(undefined)
    expect(timers.size).toBe(0)
    expect(() => globals.setTimeout('code' as never, 1)).toThrow(TypeError)
  })

  it.each([
    [Number.NaN, 0],
    [-5, 0],
    [2 ** 31, 1],
    [2 ** 31 - 1, 2 ** 31 - 1],
    ['7' as never, 7],
  ])('take a delay of %s as %s ms', (delay, expected) => {
    const { globals, timers } = fixture()
    globals.setTimeout(() => {}, delay)
    expect(timers.nextDeadlineNs()).toBe(expected * 1e6)
  })
})

describe('console', () => {
  it('prints values readably on the log', () => {
    const { globals, lines } = fixture()
    const circular: Record<string, unknown> = { name: 'x' }
    circular.self = circular
    globals.console.log('text', 1, -0, null, undefined, 10n, {
      a: [1, "it's"],
      'b-c': new Map([[1, 2]]),
    })
    globals.console.warn(circular, new Uint8Array([1, 2]), () => {})
    expect(lines).toEqual([
      "[  0.000000000] app: text 1 -0 null undefined 10n { a: [ 1, 'it\\'s' ], 'b-c': Map(1) { 1 => 2 } }\n",
      "[  0.000000000] app: warning: { name: 'x', self: [circular] } Uint8Array(2) [ 1, 2 ] [function (anonymous)]\n",
    ])
  })

  it('never throws and calls no getters', () => {
    const { globals, lines } = fixture()
    const trap = new Proxy(
      {},
      {
        ownKeys() {
          throw new Error('trap')
        },
      },
    )
    const getter = Object.defineProperty({}, 'x', {
      enumerable: true,
      get() {
        throw new Error('getter called')
      },
    })
    globals.console.log(trap, getter, Object.create(null), Symbol('s'))
    expect(lines[0]).toContain('[unreadable] { x: [getter] } {} Symbol(s)')
  })

  it('shows errors with their stack and cause', () => {
    const { globals, lines } = fixture()
    globals.console.error(new TypeError('outer', { cause: new Error('inner') }))
    expect(lines[0]).toMatch(/error: TypeError: outer\n {4}at .*\ncaused by Error: inner\n {4}at /)
  })

  it('cuts long collections', () => {
    const { globals, lines } = fixture()
    globals.console.log(Array.from({ length: 500 }, () => 0))
    expect(lines[0]).toContain('... 400 more')
    // Looked at no further than it is shown.
    globals.console.log(new Array(4_000_000_000))
    expect(lines[1]).toContain('... 3999999900 more')
  })

  it('cuts what is large by its depth', () => {
    const { globals, lines } = fixture()
    const wide = (depth: number): unknown =>
      depth === 0 ? 1 : Array.from({ length: 30 }, () => wide(depth - 1))
    globals.console.log(wide(4))
    expect(lines[0]!.length).toBeLessThan(100_000)
    globals.console.log([1, 2])
    expect(lines[1]).toContain('[ 1, 2 ]')
  })

  it('does not even format what the level leaves out', () => {
    const { globals, lines } = fixture('error')
    globals.console.debug({
      get x() {
        throw new Error('formatted')
      },
    })
    globals.console.log('quiet')
    expect(lines).toEqual([])
  })
})

describe('TextEncoder and TextDecoder', () => {
  const { TextEncoder: OurEncoder, TextDecoder: OurDecoder } = fixture().globals

  it('encode as Node does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect([...new OurEncoder().encode(text)]).toEqual([...encoder.encode(text)])
      }),
    )
  })

  it('encode long text as Node does, whether it is ASCII or only nearly', () => {
    const ascii = 'x'.repeat(70_000)
    for (const text of [
      ascii,
      `é${ascii}`,
      `${ascii}é`,
      `${ascii}😀`,
      `😀${ascii}`,
      'ü'.repeat(70_000),
    ]) {
      const encoded = new OurEncoder().encode(text)
      expect(Buffer.compare(encoded, encoder.encode(text))).toBe(0)
      expect(encoded.buffer.byteLength).toBe(encoded.length)
    }
  })

  it('encode into a limited target as Node does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(20), (text, room) => {
        const ours = new Uint8Array(room)
        const theirs = new Uint8Array(room)
        const result = new OurEncoder().encodeInto(text, ours)
        expect(result).toEqual(encoder.encodeInto(text, theirs))
        expect(ours).toEqual(theirs)
      }),
    )
  })

  it('decode streams as Node does, whatever the bytes and pieces', () => {
    const byte = fc.oneof(
      fc.nat(255),
      fc.constantFrom(0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xef, 0xbb, 0xbf),
    )
    fc.assert(
      fc.property(
        fc.array(fc.array(byte, { maxLength: 6 }), { maxLength: 5 }),
        fc.boolean(),
        (pieces, ignoreBOM) => {
          const ours = new OurDecoder('UTF-8', { ignoreBOM })
          const theirs = new TextDecoder('utf-8', { ignoreBOM })
          for (const piece of pieces) {
            ours.decode(new Uint8Array(piece), { stream: true })
            theirs.decode(new Uint8Array(piece), { stream: true })
          }
          expect(ours.decode()).toBe(theirs.decode())
          const whole = new Uint8Array(pieces.flat())
          let text = ''
          const again = new OurDecoder('utf-8', { ignoreBOM })
          for (const piece of pieces) text += again.decode(new Uint8Array(piece), { stream: true })
          expect(text + again.decode()).toBe(new TextDecoder('utf-8', { ignoreBOM }).decode(whole))
        },
      ),
      { numRuns: 2000 },
    )
  })

  it('refuse malformed bytes when fatal, but not a replacement character that was sent', () => {
    const fatal = new OurDecoder('utf-8', { fatal: true })
    expect(fatal.decode(encoder.encode('a\ufffdb'))).toBe('a\ufffdb')
    expect(() => fatal.decode(new Uint8Array([0x61, 0xff]))).toThrow(TypeError)
    expect(() => new OurDecoder('latin1')).toThrow(RangeError)
  })
})

describe('crypto', () => {
  it('fills integer arrays and refuses others, too long ones, and a machine without entropy', () => {
    const { globals, options } = fixture()
    const target = new Uint16Array(new ArrayBuffer(8), 2, 2)
    expect(globals.crypto.getRandomValues(target)).toBe(target)
    expect([...new Uint8Array(target.buffer)]).toEqual([0, 0, 0xa5, 0xa5, 0xa5, 0xa5, 0, 0])
    expect(() => globals.crypto.getRandomValues(new Float64Array(1))).toThrow(TypeError)
    expect(() => globals.crypto.getRandomValues(new Uint8Array(65537))).toThrow(RangeError)
    const dry = createAppGlobals({ ...options, random: null })
    expect(() => dry.crypto.getRandomValues(new Uint8Array(1))).toThrow('no entropy source')
  })

  it('makes version 4 UUIDs', () => {
    expect(fixture().globals.crypto.randomUUID()).toBe('a5a5a5a5-a5a5-45a5-a5a5-a5a5a5a5a5a5')
  })
})

describe('installAppGlobals', () => {
  it('defines every global without listing it', () => {
    const target: Record<string, unknown> = {}
    installAppGlobals(target, fixture().options)
    expect(Object.keys(target)).toEqual([])
    expect(Object.getOwnPropertyNames(target).sort()).toEqual(
      [
        'TextDecoder',
        'TextEncoder',
        'clearInterval',
        'clearTimeout',
        'console',
        'crypto',
        'performance',
        'queueMicrotask',
        'setInterval',
        'setTimeout',
      ].sort(),
    )
  })
})
