/** AbortController, AbortSignal, atob and btoa against Node's (DOM §3, HTML §8.3). */
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  AbortController as OurController,
  AbortSignal as OurSignal,
} from '../../../../kernel/web/abort.ts'
import { atob as ourAtob, btoa as ourBtoa } from '../../../../kernel/web/base64.ts'

/** Thousands of cases on a machine that does other work too. */
vi.setConfig({ testTimeout: 60_000 })

describe('an AbortSignal', () => {
  it('tells its listeners once, in order, with a reason', () => {
    const controller = new OurController()
    const calls: string[] = []
    const removed = () => calls.push('removed')
    const { signal } = controller
    signal.onabort = () => calls.push('onabort')
    signal.addEventListener('abort', ({ type, target }) => calls.push(`${type} ${target.aborted}`))
    signal.addEventListener('abort', { handleEvent: () => calls.push('object') }, { once: true })
    signal.addEventListener('abort', removed)
    signal.removeEventListener('abort', removed)
    expect([signal.aborted, signal.reason]).toEqual([false, undefined])
    signal.throwIfAborted()
    controller.abort('why')
    controller.abort('again')
    expect(calls).toEqual(['onabort', 'abort true', 'object'])
    expect(signal.reason).toBe('why')
    expect(() => signal.throwIfAborted()).toThrow('why')
  })

  it('has the reasons that Node gives', async () => {
    const name = (signal: { reason: unknown }) => (signal.reason as Error).name
    expect(name(OurSignal.abort())).toBe(name(AbortSignal.abort()))
    const timeout = OurSignal.timeout(1)
    await new Promise((resolve) => timeout.addEventListener('abort', resolve))
    expect(name(timeout)).toBe('TimeoutError')
  })

  it('follows any of several', () => {
    const controller = new OurController()
    const any = OurSignal.any([new OurController().signal, controller.signal])
    expect(any.aborted).toBe(false)
    controller.abort('x')
    expect(any.reason).toBe('x')
    expect(OurSignal.any([controller.signal]).reason).toBe('x')
  })

  it('is not made by apps', () => {
    expect(() => new (OurSignal as unknown as new () => unknown)()).toThrow(TypeError)
  })
})

function attempt(work: () => string): string {
  try {
    return work()
  } catch (error) {
    return (error as Error).name
  }
}

describe('base64', () => {
  it('is written and read as Node does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
        expect(attempt(() => ourBtoa(text))).toBe(attempt(() => btoa(text)))
      }),
    )
    const encoded = fc.array(fc.constantFrom('Q', 'g', '+', '/', '=', ' ', '\n', '-', '9'), {
      maxLength: 9,
    })
    fc.assert(
      fc.property(encoded, (parts) => {
        const text = parts.join('')
        expect(
          attempt(() => ourAtob(text)),
          JSON.stringify(text),
        ).toBe(attempt(() => atob(text)))
      }),
      { numRuns: 500 },
    )
  })
})
