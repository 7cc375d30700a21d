/** `node:buffer`, `node:util` and `node:stream` as apps have them do what Node's do. */
import nodesStream from 'node:stream'
import * as nodesUtil from 'node:util'
import { describe, expect, it, vi } from 'vitest'
import buffer, { Buffer as OurBuffer } from '../../../../../kernel/userland/node/buffer.ts'
import { Stream } from '../../../../../kernel/userland/node/stream.ts'
import * as util from '../../../../../kernel/userland/node/util-module.ts'

describe('Buffer', () => {
  it.each(['utf8', 'hex', 'base64', 'latin1', 'ascii', 'utf16le'] as const)(
    'writes and reads %s',
    (encoding) => {
      const bytes = Uint8Array.from({ length: 100 }, (_, at) => at * 37)
      const text = Buffer.from(bytes).toString(encoding)
      expect(OurBuffer.from(bytes).toString(encoding)).toBe(text)
      expect([...OurBuffer.from(text, encoding)]).toEqual([...Buffer.from(text, encoding)])
    },
  )

  it('says that it does not know base64url', () => {
    expect(() => OurBuffer.from('aa').toString('base64url')).toThrow('Unknown encoding: base64url')
  })

  it('is a Uint8Array, and what the module is asked for by `require` has it', () => {
    const joined = OurBuffer.concat([OurBuffer.from('ab'), new Uint8Array([99])])
    expect([
      joined instanceof Uint8Array,
      joined.toString(),
      joined.equals(OurBuffer.from('abc')),
    ]).toEqual([true, 'abc', true])
    expect([buffer.Buffer === OurBuffer, OurBuffer.isBuffer(joined)]).toEqual([true, true])
    expect(buffer.constants.MAX_LENGTH).toBe(buffer.kMaxLength)
  })
})

describe('util', () => {
  it.each([
    [['%s is %d years, %i and %j%%', 'Ada', '36.5', '7.9', { a: 1 }, 'left', 'over']],
    [['nothing to fill %s']],
    [['%s and %s', 'one']],
    [['100% of it', 1]],
    [[1, 'two', true, null, undefined]],
  ])('formats %j as Node does', (values) => {
    expect(util.format(...values)).toBe(nodesUtil.format(...values))
  })

  it('inherits and promisifies', async () => {
    function Old(this: object): void {}
    class Parent {
      name(): string {
        return 'parent'
      }
    }
    util.inherits(Old as never, Parent)
    const child = new (Old as unknown as new () => Parent)()
    expect([
      child.name(),
      child instanceof Parent,
      (Old as never as { super_: unknown }).super_,
    ]).toEqual([...['parent', true, Parent]])
    const double = util.promisify((value: number, done: (error: unknown, it?: number) => void) =>
      value < 0 ? done(new Error('negative')) : done(null, 2 * value),
    )
    expect(await double(4)).toBe(8)
    await expect(double(-1)).rejects.toThrow('negative')
    expect(() => util.promisify(7 as never)).toThrow(TypeError)
  })

  it('says once that something is deprecated', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const old = util.deprecate((value: number) => value + 1, 'use another')
    expect([old(1), old(2)]).toEqual([2, 3])
    expect(warn.mock.calls).toEqual([['Deprecated: use another']])
    warn.mockRestore()
  })

  it('tells kinds of objects apart', () => {
    const things = [new Date(), /x/, new Map(), new Set(), Promise.resolve(), new Uint8Array(), {}]
    for (const name of Object.keys(util.types) as (keyof typeof util.types)[]) {
      expect(things.map(util.types[name]), name).toEqual(things.map(nodesUtil.types[name]))
    }
  })
})

describe('Stream', () => {
  /** What a target hears of a source, of ours and of Node's. */
  function heardFrom(Base: typeof Stream): unknown[] {
    const heard: unknown[] = []
    const [source, target] = [new Base(), new Base()]
    Object.assign(source, {
      pause: () => heard.push('pause'),
      resume: () => heard.push('resume'),
      readable: true,
    })
    Object.assign(target, {
      writable: true,
      write: (piece: string) => heard.push(piece) < 2,
      end: () => heard.push('end'),
    })
    expect(source.pipe(target as never)).toBe(target)
    for (const piece of ['one', 'two']) source.emit('data', piece)
    target.emit('drain')
    source.emit('end')
    return heard
  }

  it('pipes as the one that streams of Node descend from', () => {
    const heard = heardFrom(Stream)
    expect(heard).toEqual(heardFrom(nodesStream.Stream as never))
    expect(heard).toEqual(['one', 'two', 'pause', 'resume', 'end'])
  })

  it('is called by old packages without `new`, and inherited by util.inherits', () => {
    function Old(this: object): void {
      ;(Stream as unknown as { call(self: object): void }).call(this)
    }
    util.inherits(Old as never, Stream)
    const old = new (Old as unknown as new () => InstanceType<typeof Stream>)()
    let heard = 0
    old.on('data', () => void heard++)
    old.emit('data')
    expect([heard, old instanceof Stream]).toEqual([1, true])
  })
})
