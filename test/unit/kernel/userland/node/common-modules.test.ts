/**
 * `node:path`, `url`, `querystring`, `string_decoder`, `assert`, `timers`, `process` and the like
 * as apps have them do what Node's do.
 */
import nodesAssert from 'node:assert'
import nodesPath from 'node:path'
import nodesQuerystring from 'node:querystring'
import { StringDecoder as NodesDecoder } from 'node:string_decoder'
import { fileURLToPath as nodesFileURLToPath } from 'node:url'
import nodesUtil from 'node:util'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'

// The same as in process.test.ts: files that share a thread share what imports it.
vi.mock('eremite', () => ({ env: { NAME: 'given' } }))

import ourAssert from '../../../../../kernel/userland/node/assert.ts'
import { strict as ourStrict } from '../../../../../kernel/userland/node/assert-strict.ts'
import { isDeepStrictEqual } from '../../../../../kernel/userland/node/deep-equal.ts'
import { clearImmediate, setImmediate } from '../../../../../kernel/userland/node/immediate.ts'
import path, { join } from '../../../../../kernel/userland/node/path.ts'
import { performance as ourPerformance } from '../../../../../kernel/userland/node/perf-hooks.ts'
import ourProcess, { hrtime } from '../../../../../kernel/userland/node/process-module.ts'
import querystring from '../../../../../kernel/userland/node/querystring.ts'
import { StringDecoder } from '../../../../../kernel/userland/node/string-decoder.ts'
import timers from '../../../../../kernel/userland/node/timers.ts'
import * as promises from '../../../../../kernel/userland/node/timers-promises.ts'
import { fileURLToPath } from '../../../../../kernel/userland/node/url-module.ts'
import * as util from '../../../../../kernel/userland/node/util-module.ts'
import { AbortController } from '../../../../../kernel/userland/web/abort.ts'
import { URL as OurUrl } from '../../../../../kernel/userland/web/url.ts'

/** What a call gives, or the name of what it throws. */
function outcome(work: () => unknown): unknown {
  try {
    return { value: work() }
  } catch (error) {
    return { error: (error as Error).name }
  }
}

describe('path', () => {
  it('joins, resolves and takes apart as that of POSIX', () => {
    const { posix } = nodesPath
    for (const text of [
      '/a/b.txt',
      'a/../b/./c.d.e',
      '',
      '.',
      '/',
      '//x//',
      'dir/.hidden',
      'ä/ö',
    ]) {
      expect(path.parse(text)).toEqual(posix.parse(text))
      expect([path.normalize(text), path.dirname(text), path.extname(text)]).toEqual([
        ...[posix.normalize(text), posix.dirname(text), posix.extname(text)],
      ])
      expect(path.relative('/a/c', `/${text}`)).toBe(posix.relative('/a/c', `/${text}`))
    }
    expect([join('/a', '..', 'b'), path.sep, path.posix.delimiter]).toEqual(['/b', '/', ':'])
  })
})

describe('url', () => {
  it.each(['file:///a/b%20c', 'file://localhost/x?q#h', 'file:/y', 'FILE:///Z'])(
    'makes a path of %s',
    (text) => expect(fileURLToPath(text)).toBe(nodesFileURLToPath(text)),
  )

  it.each(['http://a/b', 'file://host/a', 'file:///a%2Fb', 'nothing'])('refuses %s', (text) => {
    expect(() => fileURLToPath(text)).toThrow('Cannot make a path of')
    expect(() => nodesFileURLToPath(text)).toThrow()
  })
})

describe('querystring', () => {
  it('reads and writes fields as that of Node', () => {
    // Of escapes that are none Node makes what its buffer held before.
    const text = fc.string({ unit: 'grapheme', maxLength: 8 }).filter((it) => !it.includes('%'))
    const part = fc.oneof(text, fc.constantFrom('a', '%C3%A4', '+', '=', '&', ''))
    fc.assert(
      fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
        const query = parts.join('')
        expect({ ...querystring.parse(query) }).toEqual({ ...nodesQuerystring.parse(query) })
      }),
    )
    expect({ ...querystring.parse('%zz=%E4&x%=%') }).toEqual({ '%zz': '\ufffd', 'x%': '%' })
    const fields = { a: 1, b: ['x', 'ä ö'], c: '', d: null, e: true, f: 7n, g: Number.NaN, h: {} }
    expect(querystring.stringify(fields)).toBe(nodesQuerystring.stringify(fields as never))
    expect(querystring.stringify({ a: [] })).toBe(nodesQuerystring.stringify({ a: [] }))
    expect(querystring.stringify(null)).toBe('')
  })

  it('takes other separators, and no more keys than it may', () => {
    expect({ ...querystring.parse('a:1; b:2', '; ', ':') }).toEqual({ a: '1', b: '2' })
    expect(querystring.stringify({ a: 1, b: 2 }, '; ', ':')).toBe('a:1; b:2')
    const many = Array.from({ length: 1500 }, (_, at) => `k${at}=`).join('&')
    expect(Object.keys(querystring.parse(many))).toHaveLength(1000)
    expect(Object.keys(querystring.parse(many, '&', '=', { maxKeys: 0 }))).toHaveLength(1500)
    expect({ ...querystring.parse('__proto__=x') }).toEqual({ ['__proto__']: 'x' })
  })
})

describe('StringDecoder', () => {
  it.each(['utf8', 'utf16le', 'base64', 'hex', 'latin1'] as const)(
    'makes the same of %s however it is cut',
    (encoding) => {
      const cuts = fc.array(fc.uint8Array({ maxLength: 7 }), { maxLength: 8 })
      fc.assert(
        fc.property(cuts, (pieces) => {
          const [ours, theirs] = [new StringDecoder(encoding), new NodesDecoder(encoding)]
          const text = pieces.map((piece) => ours.write(piece)).join('') + ours.end()
          const expected = pieces.map((it) => theirs.write(Buffer.from(it))).join('') + theirs.end()
          expect(text).toBe(expected)
        }),
      )
      const bytes = Buffer.from('grüße 😀')
      const ours = new StringDecoder(encoding)
      const text = [...bytes].map((byte) => ours.write(Buffer.from([byte]))).join('') + ours.end()
      expect(text).toBe(bytes.toString(encoding))
    },
  )

  it.each(['utf8', 'utf16le', 'base64'] as const)(
    'keeps what is left of %s, also when the caller fills its buffer anew',
    (encoding) => {
      const bytes = Buffer.from('ä€', encoding === 'utf8' ? 'utf8' : 'utf16le')
      const decoder = new StringDecoder(encoding)
      const reused = Buffer.alloc(1)
      let text = ''
      for (const byte of bytes) {
        reused[0] = byte
        text += decoder.write(reused)
        reused.fill(0xff)
      }
      expect(text + decoder.end()).toBe(bytes.toString(encoding))
    },
  )

  it('refuses an encoding that Buffer does not know', () => {
    expect(() => new StringDecoder('utf-7')).toThrow('Unknown encoding: utf-7')
  })
})

const VALUES: readonly (readonly [unknown, unknown])[] = [
  [1, 1],
  [1, '1'],
  [0, -0],
  [Number.NaN, Number.NaN],
  [null, undefined],
  [{ a: [1, { b: 2 }] }, { a: [1, { b: 2 }] }],
  [{ a: 1 }, { a: 1, b: undefined }],
  [
    [1, 2],
    [1, 2, 3],
  ],
  [[1, 2], { 0: 1, 1: 2 }],
  [new Map([['k', { a: 1 }]]), new Map([['k', { a: 1 }]])],
  [new Map([[{ k: 1 }, 1]]), new Map([[{ k: 1 }, 1]])],
  [new Map([[{ k: 1 }, 1]]), new Map([[{ k: 1 }, 2]])],
  [new Map([[undefined, 1]]), new Map([[null, 1]])],
  [new Set([1, { a: 1 }]), new Set([1, { a: 1 }])],
  [new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 2 }])],
  [new Date(1), new Date(1)],
  [new Date(1), new Date(2)],
  [/a/g, /a/g],
  [/a/g, /a/i],
  [new Error('a'), new Error('a')],
  [new Error('a'), new Error('b')],
  [new Error('a'), new TypeError('a')],
  [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
  [new Uint8Array([1, 2]), new Uint8Array([1, 3])],
  [new Uint8Array([1]), new Int8Array([1])],
  [new Float64Array([0]), new Float64Array([-0])],
  [new Uint8Array([1]).buffer, new Uint8Array([1]).buffer],
  [new DataView(new ArrayBuffer(2)), new DataView(new ArrayBuffer(3))],
  [Object(1), Object(1)],
  [Object('a'), Object('b')],
  [{ [Symbol.iterator]: 1 }, {}],
  [Object.create(null), {}],
  [() => 1, () => 1],
]

describe('assert', () => {
  it.each(VALUES)('compares %o and %o as that of Node', (a, b) => {
    expect(isDeepStrictEqual(a, b)).toBe(nodesUtil.isDeepStrictEqual(a, b))
    const methods = [
      'equal',
      'notEqual',
      'strictEqual',
      'notStrictEqual',
      'deepStrictEqual',
    ] as const
    for (const name of [...methods, 'notDeepStrictEqual' as const]) {
      const ours = outcome(() => ourAssert[name](a, b))
      expect(ours, name).toEqual(outcome(() => nodesAssert[name](a, b)))
      const strictly = outcome(() => ourStrict[name](a, b))
      expect(strictly, name).toEqual(outcome(() => nodesAssert.strict[name](a, b)))
    }
  })

  it('compares what refers to itself', () => {
    const circle = () => {
      const it: Record<string, unknown> = { name: 'x' }
      it.self = it
      return it
    }
    expect(isDeepStrictEqual(circle(), circle())).toBe(true)
    expect(isDeepStrictEqual(circle(), { ...circle(), name: 'y' })).toBe(false)
  })

  const boom = (): never => {
    throw new RangeError('too far')
  }
  const EXPECTATIONS: readonly (readonly [() => unknown, readonly unknown[]])[] = [
    [boom, []],
    [boom, [RangeError]],
    [boom, [TypeError]],
    [boom, [/far/]],
    [boom, [/near/]],
    [boom, [{ name: 'RangeError', message: /too/ }]],
    [boom, [{ name: 'TypeError' }]],
    [boom, [new RangeError('too far')]],
    [boom, [(error: Error) => error.message === 'too far']],
    [boom, ['a message']],
    [() => 1, []],
    [() => 1, [RangeError, 'a message']],
  ]
  it.each(EXPECTATIONS)('sees what is thrown: %s %o', async (work, expectation) => {
    const theirs = outcome(() => nodesAssert.throws(work, ...(expectation as never[])))
    expect(outcome(() => ourAssert.throws(work, ...(expectation as never[])))).toEqual(theirs)
    const rejected = await ourAssert
      .rejects(async () => work(), ...(expectation as never[]))
      .then(
        () => ({ value: undefined }),
        (error: Error) => ({ error: error.name }),
      )
    expect(rejected).toEqual(theirs)
  })

  it('says what it has found, or what it was told to say', () => {
    expect(() => ourAssert(0)).toThrow(ourAssert.AssertionError)
    expect(() => ourAssert.ok(true)).not.toThrow()
    expect(() => ourAssert(false, 'no such thing')).toThrow('no such thing')
    expect(() => ourAssert.equal(1, 2, new TypeError('mine'))).toThrow(TypeError)
    expect(() => ourAssert.strictEqual(1, '2')).toThrow('1 strictEqual 2')
    expect(() => ourAssert.fail('done')).toThrow('done')
    expect(() => ourAssert.ifError(null)).not.toThrow()
    expect(() => ourAssert.ifError('x')).toThrow('unwanted')
    expect(() => ourAssert.match('abc', /b/)).not.toThrow()
    expect(() => ourAssert.doesNotMatch('abc', /b/)).toThrow(ourAssert.AssertionError)
    expect(ourAssert.strict.strict).toBe(ourAssert.strict)
  })
})

describe('timers', () => {
  it('setImmediate calls once the loop had its turn, unless it is taken back', async () => {
    const order: unknown[] = []
    setImmediate((...values: unknown[]) => order.push(values), 1, 'two')
    clearImmediate(setImmediate(() => order.push('never')))
    clearImmediate(undefined)
    await Promise.resolve().then(() => order.push('promise'))
    await promises.setTimeout(5)
    expect(order).toEqual(['promise', [1, 'two']])
    expect(() => setImmediate(7 as never)).toThrow('Cannot set immediate: the callback is a number')
    expect(timers.setTimeout).toBe(globalThis.setTimeout)
  })

  it('as promises bring a value, and reject when their signal is aborted', async () => {
    expect(await promises.setTimeout(1, 'value')).toBe('value')
    expect(await promises.setImmediate('soon')).toBe('soon')
    const controller = new AbortController()
    const waiting = promises.setTimeout(60_000, 'late', { signal: controller.signal })
    controller.abort('reason')
    const expected = { name: 'AbortError', code: 'ABORT_ERR', cause: 'reason' }
    await expect(waiting).rejects.toMatchObject(expected)
    const { signal } = controller
    await expect(promises.scheduler.wait(1, { signal })).rejects.toMatchObject(expected)
    const ticks: unknown[] = []
    for await (const tick of promises.setInterval(1, 'tick')) if (ticks.push(tick) === 3) break
    expect(ticks).toEqual(['tick', 'tick', 'tick'])
  })
})

describe('process', () => {
  it('tells the time since the guest was entered', () => {
    const [seconds, nanoseconds] = hrtime()
    expect(seconds + nanoseconds / 1e9).toBeCloseTo(ourProcess.uptime(), 1)
    const [laterSeconds, laterNanoseconds] = hrtime([seconds, nanoseconds])
    expect(laterSeconds).toBe(0)
    expect(laterNanoseconds).toBeGreaterThanOrEqual(0)
    expect(hrtime([0, 999_999_999])[1]).toBeLessThan(1e9)
    expect(Number(ourProcess.hrtime.bigint()) / 1e9).toBeCloseTo(ourProcess.uptime(), 1)
    expect(ourPerformance).toBe(globalThis.performance)
  })
})

describe('util', () => {
  it('shows values, by their own method if they have one', () => {
    const own = { [util.inspect.custom]: (depth: number) => `mine at ${depth}` }
    expect(util.inspect.custom).toBe(nodesUtil.inspect.custom)
    expect([util.inspect({ a: [1, 'x'] }), util.inspect(own)]).toEqual([
      ...[nodesUtil.inspect({ a: [1, 'x'] }), nodesUtil.inspect(own)],
    ])
    expect(util.debuglog().enabled).toBe(false)
  })

  it('calls back with what a promise brings', async () => {
    const halve = util.callbackify(async (value) => {
      if ((value as number) % 2 === 1) throw new Error('odd')
      return (value as number) / 2
    })
    const called = (value: number) =>
      new Promise((resolve) =>
        halve(value, (error: unknown, half: unknown) => resolve([error, half])),
      )
    expect(await called(8)).toEqual([null, 4])
    expect(await called(7)).toEqual([new Error('odd'), undefined])
  })

  it('URL of node:url is the one of the web', async () => {
    const { URL: exported } = await import('../../../../../kernel/userland/node/url-module.ts')
    expect(exported).toBe(OurUrl)
  })
})
