/**
 * What apps begin with waits for the guest's first address, and not for what its signal has given
 * up (kernel/README.md).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { connect, guest, ping, resolve } from '../../../kernel/eremite.ts'

let begun: string[]
let comes: () => void

beforeEach(() => {
  begun = []
  const begin = (what: string) => async () => {
    begun.push(what)
  }
  guest.stack = {
    noteTime() {},
    connect: begin('connect'),
    resolve: begin('resolve'),
    ping: begin('ping'),
  } as unknown as NonNullable<typeof guest.stack>
  guest.addressed = new Promise((resolved) => {
    comes = resolved
  })
})
afterEach(() => {
  guest.stack = null
  guest.addressed = null
})

const settle = () => new Promise((done) => setImmediate(done))

describe('before the first address', () => {
  it('connect, resolve and ping wait for it', async () => {
    const all = [connect({ hostname: '10.0.0.1', port: 7 }), resolve('a.example'), ping('10.0.0.1')]
    await settle()
    expect(begun).toEqual([])
    comes()
    await Promise.all(all)
    expect(begun.sort()).toEqual(['connect', 'ping', 'resolve'])
  })

  it('a signal that fires ends the wait, and leaves no listener behind', async () => {
    const listeners = new Set<() => void>()
    const signal = {
      aborted: false,
      reason: null,
      addEventListener: (_type: 'abort', listener: () => void) => void listeners.add(listener),
      removeEventListener: (_type: 'abort', listener: () => void) =>
        void listeners.delete(listener),
    }
    const connecting = connect({ hostname: '10.0.0.1', port: 7, signal })
    await settle()
    expect(begun).toEqual([])
    for (const listener of listeners) listener()
    await connecting
    expect([begun, listeners.size]).toEqual([['connect'], 0])
    await connect({ hostname: '10.0.0.1', port: 7, signal: { ...signal, aborted: true } })
    expect(begun).toHaveLength(2)
  })

  it('with one that is there, nothing waits', async () => {
    guest.addressed = null
    await connect({ hostname: '10.0.0.1', port: 7 })
    expect(begun).toEqual(['connect'])
  })
})
