/**
 * system.shutdown behaves as Node's AbortSignal does, and waits for what an app still has to do.
 */
import { describe, expect, it } from 'vitest'
import type { AbortSignal as AbortSignalInterface } from '../../../kernel/abort-signal.ts'
import { ShutdownController } from '../../../kernel/shutdown-signal.ts'
import {
  AbortController as BundledAbortController,
  AbortSignal as BundledAbortSignal,
} from '../../../kernel/userland/web/abort.ts'
import { EventTarget as BundledEventTarget } from '../../../kernel/userland/web/event-target.ts'

const settle = () => new Promise((resolve) => setImmediate(resolve))

/** What holders of a signal see, in order, when it is aborted twice. */
function observe(signal: AbortSignalInterface, abort: () => void): string[] {
  const seen: string[] = []
  const note = (what: string) => () => seen.push(`${what} aborted=${signal.aborted}`)
  const twice = note('twice')
  const removed = note('removed')
  signal.onabort = note('onabort')
  signal.addEventListener('abort', twice)
  signal.addEventListener('abort', twice)
  signal.addEventListener('abort', { handleEvent: note('object') })
  signal.addEventListener('abort', removed)
  signal.removeEventListener('abort', removed)
  signal.addEventListener('other', note('other'))
  seen.push(`before aborted=${signal.aborted} reason=${signal.reason}`)
  signal.throwIfAborted()
  abort()
  abort()
  signal.addEventListener('abort', note('late'))
  seen.push((signal.reason as Error).name)
  expect(() => signal.throwIfAborted()).toThrow(signal.reason as Error)
  return seen
}

describe('ShutdownController', () => {
  it('is an EventTarget: events of an app, once, and taken off by another signal', () => {
    const signal = new ShutdownController()
    class Other extends BundledEventTarget {}
    expect([signal instanceof BundledEventTarget, (signal as object) instanceof Other]).toEqual([
      ...[true, false],
    ])
    const heard: string[] = []
    const leave = new BundledAbortController()
    signal.addEventListener('tick', () => heard.push('once'), { once: true })
    signal.addEventListener('tick', ({ type }) => heard.push(type), { signal: leave.signal })
    signal.dispatchEvent({ type: 'tick' })
    leave.abort()
    signal.dispatchEvent({ type: 'tick' })
    signal.addEventListener('abort', () => heard.push('aborted'))
    // Somebody else's event of that name aborts nothing.
    expect(signal.dispatchEvent({ type: 'abort' })).toBe(true)
    expect(signal.aborted).toBe(false)
    signal.request()
    signal.request()
    expect(heard).toEqual(['once', 'tick', 'aborted', 'aborted'])
  })

  it("tells its holders what Node's AbortSignal tells them", () => {
    const ours = new ShutdownController()
    const nodes = new AbortController()
    const expected = observe(nodes.signal as unknown as AbortSignalInterface, () => nodes.abort())
    expect(observe(ours, () => ours.request())).toEqual(expected)
    expect(expected).toContain('twice aborted=true')
  })

  it('resolves what an app awaits, before and after', async () => {
    const shutdown = new ShutdownController()
    let isOver = false
    void shutdown.requested.then(() => {
      isOver = true
    })
    await settle()
    expect(isOver).toBe(false)
    shutdown.request()
    await shutdown.requested
    expect(isOver).toBe(true)
  })

  it('is an AbortSignal to the class that is bundled into apps, and goes where one goes', () => {
    const shutdown = new ShutdownController()
    expect(shutdown instanceof BundledAbortSignal).toBe(true)
    expect({} instanceof BundledAbortSignal).toBe(false)
    expect(BundledAbortSignal.abort() instanceof BundledAbortSignal).toBe(true)
    const any = BundledAbortSignal.any([shutdown, BundledAbortSignal.timeout(60_000)])
    shutdown.request()
    expect(any.aborted).toBe(true)
    expect(any.reason).toBe(shutdown.reason)
  })

  it('keeps one listener for the class that follows it, however many signals depend on it', () => {
    const shutdown = new ShutdownController()
    let added = 0
    const add = shutdown.addEventListener.bind(shutdown)
    shutdown.addEventListener = (...all) => {
      added++
      add(...all)
    }
    const followers = Array.from({ length: 10 }, () => BundledAbortSignal.any([shutdown]))
    const told: string[] = []
    followers[3]!.addEventListener('abort', () => told.push('followed'))
    shutdown.request()
    expect(added).toBe(1)
    expect(followers.every(({ aborted }) => aborted)).toBe(true)
    expect(told).toEqual(['followed'])
    expect(BundledAbortSignal.any([shutdown]).reason).toBe(shutdown.reason)
  })

  it('takes a listener off with the signal that came with it', () => {
    const shutdown = new ShutdownController()
    const seen: string[] = []
    const other = new BundledAbortController()
    const options = { signal: other.signal }
    shutdown.addEventListener('abort', () => seen.push('taken off'), options)
    shutdown.addEventListener('abort', () => seen.push('left'))
    other.abort()
    shutdown.addEventListener('abort', () => seen.push('too late'), options)
    shutdown.request()
    expect(seen).toEqual(['left'])
  })

  it('takes null for options, and no listener at all, as any EventTarget does', () => {
    const seen: string[] = []
    const shutdown = new ShutdownController()
    shutdown.addEventListener('abort', () => seen.push('told'), null)
    shutdown.addEventListener('abort', undefined)
    shutdown.removeEventListener('abort', undefined)
    shutdown.request()
    expect(seen).toEqual(['told'])
  })

  it('counts the work it is told of until that is settled, however', async () => {
    const shutdown = new ShutdownController()
    let finish!: () => void
    shutdown.waitUntil(
      new Promise<void>((resolve) => {
        finish = resolve
      }),
    )
    expect(shutdown.pendingWork).toBe(1)
    finish()
    await settle()
    expect(shutdown.pendingWork).toBe(0)
  })

  it('leaves what its work rejects with unhandled, which ends the guest as a failure', async () => {
    const shutdown = new ShutdownController()
    const failures: unknown[] = []
    const note = (reason: unknown) => failures.push(reason)
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', note)
    try {
      shutdown.waitUntil(Promise.reject(new Error('disk full')))
      await settle()
      await settle()
    } finally {
      process.off('unhandledRejection', note)
      for (const other of others) process.on('unhandledRejection', other)
    }
    expect(failures).toEqual([new Error('disk full')])
    expect(shutdown.pendingWork).toBe(0)
  })
})
