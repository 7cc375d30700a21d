/** structuredClone, compared with Node's. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { structuredClone as ours } from '../../../../../kernel/userland/web/structured-clone.ts'

describe('structuredClone', () => {
  it('copies any value as the one of Node does', () => {
    const values = fc.anything({
      withDate: true,
      withMap: true,
      withSet: true,
      withTypedArray: true,
      withBigInt: true,
      withSparseArray: true,
      withBoxedValues: true,
    })
    fc.assert(
      fc.property(values, (value) => {
        const copy = ours(value)
        expect(copy).toStrictEqual(structuredClone(value))
        if (typeof value === 'object' && value !== null) expect(copy).not.toBe(value)
      }),
    )
  })

  it('keeps cycles and shared parts', () => {
    const shared = { list: [1] }
    const value: Record<string, unknown> = { a: shared, b: shared, map: new Map([[shared, 1]]) }
    value.self = value
    const copy = ours(value)
    expect(copy.self).toBe(copy)
    expect(copy.a).toBe(copy.b)
    expect([...(copy.map as Map<unknown, number>).keys()][0]).toBe(copy.a)
    const buffer = new ArrayBuffer(8)
    const views = ours([new Uint8Array(buffer, 2, 3), new DataView(buffer)])
    expect(views[0]!.buffer).toBe(views[1]!.buffer)
    expect(views[0]).toEqual(new Uint8Array(3))
  })

  it('keeps the kind, message, stack and cause of errors', () => {
    const error = Object.assign(new RangeError('far', { cause: { deep: 1 } }), { code: 'X' })
    const [mine, theirs] = [ours(error), structuredClone(error)]
    expect(mine).toBeInstanceOf(RangeError)
    for (const copy of [mine, theirs]) {
      expect([copy.message, copy.stack, copy.cause]).toEqual([
        error.message,
        error.stack,
        { deep: 1 },
      ])
      expect('code' in copy).toBe(false)
    }
  })

  it('makes plain objects of classes and reads getters, as Node does', () => {
    class Point {
      x = 1
      get y() {
        return 2
      }
    }
    const value = {
      point: new Point(),
      get now() {
        return 3
      },
      expression: /a+/gi,
    }
    expect(ours(value)).toStrictEqual(structuredClone(value))
  })

  it.each([[() => 1], [Symbol('x')], [Promise.resolve()], [new WeakMap()], [{ deep: [() => 1] }]])(
    'refuses %s with DataCloneError',
    (value) => {
      for (const clone of [ours, structuredClone]) {
        expect(() => clone(value)).toThrow(expect.objectContaining({ name: 'DataCloneError' }))
      }
    },
  )

  it.each([[Object.create(null)], [{ toString: 1, valueOf: 1 }], [Object(Symbol('x'))]])(
    'refuses to transfer what does not move, whatever text it makes: case %#',
    (item) => {
      expect(() => ours(1, { transfer: [item] })).toThrow(
        expect.objectContaining({ name: 'DataCloneError' }),
      )
    },
  )
})
