/** EventEmitter does what that of Node does, with any sequence of calls. */
import { EventEmitter as NodeEmitter } from 'node:events'
import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { EventEmitter, once } from '../../../../../kernel/userland/node/events.ts'

type Emitter = NodeEmitter

const METHODS = [
  'on',
  'addListener',
  'once',
  'prependListener',
  'prependOnceListener',
  'off',
] as const
const NAMES = ['a', 'b', 'error', 'newListener', 'removeListener'] as const

type Call =
  | { do: (typeof METHODS)[number]; name: string; which: number }
  | { do: 'emit' | 'removeAllListeners' | 'look'; name: string; which: number }

/**
 * All but taking off at once those who hear of what is taken off: Node's order there is nobody's to
 * rely on.
 */
const call = fc
  .record({
    do: fc.constantFrom(...METHODS, 'emit', 'emit', 'removeAllListeners', 'look'),
    name: fc.constantFrom(...NAMES),
    which: fc.nat(3),
  })
  .filter(
    (it) => it.do !== 'removeAllListeners' || it.name !== 'removeListener',
  ) as fc.Arbitrary<Call>

function run(emitter: Emitter, calls: readonly Call[]): unknown[] {
  const notes: unknown[] = []
  const listeners = [0, 1, 2, 3].map((which) => (...values: unknown[]) => {
    notes.push([which, ...values.filter((value) => typeof value !== 'function')])
    // One that changes the list while it is gone through.
    if (which === 3) emitter.off('a', listeners[1]!)
  })
  for (const it of calls) {
    try {
      if (it.do === 'emit') notes.push(emitter.emit(it.name, it.which, 'x'))
      else if (it.do === 'removeAllListeners') emitter.removeAllListeners(it.name)
      else if (it.do === 'look') {
        notes.push(emitter.listenerCount(it.name), emitter.eventNames())
        notes.push(emitter.listeners(it.name).map((found) => listeners.indexOf(found as never)))
        notes.push(emitter.rawListeners(it.name).length)
      } else emitter[it.do](it.name, listeners[it.which]!)
    } catch (error) {
      notes.push('threw', error instanceof Error)
    }
  }
  return notes
}

it('notes the same calls in the same order', () => {
  fc.assert(
    fc.property(fc.array(call, { maxLength: 30 }), (calls) => {
      const mine = run(new EventEmitter() as unknown as Emitter, calls)
      expect(mine).toEqual(run(new NodeEmitter(), calls))
    }),
    { numRuns: 500 },
  )
})

it('throws an error that nobody listens to, and lets it be watched', () => {
  const emitter = new EventEmitter()
  const failure = new Error('x')
  expect(() => emitter.emit('error', failure)).toThrow(failure)
  expect(() => emitter.emit('error', 7)).toThrow('Unhandled error. (7)')
  const seen: unknown[] = []
  emitter.on(EventEmitter.errorMonitor, (value: unknown) => seen.push(value))
  expect(() => emitter.emit('error', failure)).toThrow(failure)
  expect(seen).toEqual([failure])
})

it('once() resolves with the values, and rejects with an error', async () => {
  const emitter = new EventEmitter()
  const values = once(emitter, 'a')
  emitter.emit('a', 1, 2)
  expect(await values).toEqual([1, 2])
  const failing = once(emitter, 'a')
  emitter.emit('error', new Error('early'))
  await expect(failing).rejects.toThrow('early')
  expect(emitter.eventNames()).toEqual([])
})

it('refuses what is no function', () => {
  expect(() => new EventEmitter().on('a', 7 as never)).toThrow(/no function/)
  expect(() => new EventEmitter().setMaxListeners(-1)).toThrow(RangeError)
  expect(new EventEmitter().setMaxListeners(3).getMaxListeners()).toBe(3)
})

it('leaves the names of subclasses alone, and what one method is made of to another', () => {
  class Store extends EventEmitter {
    entries = ['mine']
    add(item: string) {
      this.entries.push(item)
      return this.emit('added', item)
    }
    override off(name: string, callback: () => void) {
      return this.removeListener(name, callback)
    }
  }
  const store = new Store()
  const heard: unknown[] = []
  const listener = (value?: unknown) => heard.push(value)
  store.on('added', listener)
  expect(store.add('x')).toBe(true)
  expect(store.entries).toEqual(['mine', 'x'])
  store.off('added', listener)
  expect(store.add('y')).toBe(false)
  expect(heard).toEqual(['x'])
})

it('may be called as a function, and its methods copied, as older packages do', () => {
  type Old = { ended: boolean } & Emitter
  const Old = function (this: Old) {
    Reflect.apply(EventEmitter as never, this, [])
    this.ended = false
    this.once('end', () => {
      this.ended = true
    })
  } as unknown as new () => Old
  Object.setPrototypeOf(Old.prototype, EventEmitter.prototype)
  const old = new Old()
  expect(old.emit('end')).toBe(true)
  expect(old.emit('end')).toBe(false)
  expect(old.ended).toBe(true)
  expect(old).toBeInstanceOf(EventEmitter)
  const mixed = Object.assign(() => {}, EventEmitter.prototype)
  mixed.on('a', () => {})
  expect(mixed.listenerCount('a')).toBe(1)
  expect(new EventEmitter().constructor).toBe(EventEmitter)
  expect([EventEmitter.name, EventEmitter.EventEmitter]).toEqual(['EventEmitter', EventEmitter])
})
