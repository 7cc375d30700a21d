/** AbortController, AbortSignal, atob and btoa against Node's (DOM §3, HTML §8.3). */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { describe, expect, it, vi } from 'vitest'
import {
  AbortController as OurController,
  AbortSignal as OurSignal,
} from '../../../../../kernel/userland/web/abort.ts'
import { atob as ourAtob, btoa as ourBtoa } from '../../../../../kernel/userland/web/base64.ts'
import { Event as OurEvent } from '../../../../../kernel/userland/web/event.ts'
import { EventTarget as OurTarget } from '../../../../../kernel/userland/web/event-target.ts'
import { factsOf } from '../../../../support/compared-facts.ts'

/** Thousands of cases on a machine that does other work too. */
vi.setConfig({ testTimeout: 60_000 })

describe('an AbortSignal', () => {
  it('tells its listeners once, in order, with a reason', () => {
    const controller = new OurController()
    const calls: string[] = []
    const removed = () => calls.push('removed')
    const { signal } = controller
    signal.onabort = () => calls.push('onabort')
    signal.addEventListener('abort', (event: { type: string; target: unknown }) => {
      calls.push(`${event.type} ${(event.target as typeof signal).aborted}`)
    })
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

  it('is an EventTarget, whose event is an Event (DOM §3.2)', () => {
    const controller = new OurController()
    const { signal } = controller
    const heard: unknown[] = []
    const listener = (event: unknown) => {
      const { type, bubbles, cancelable, currentTarget } = event as Event
      heard.push([
        event instanceof OurEvent,
        type,
        bubbles,
        cancelable,
        (currentTarget as unknown) === signal,
      ])
    }
    expect([signal instanceof OurTarget, signal.dispatchEvent !== undefined]).toEqual([true, true])
    signal.addEventListener('other', listener, { once: true })
    signal.dispatchEvent(new OurEvent('other'))
    signal.dispatchEvent(new OurEvent('other'))
    signal.addEventListener('abort', listener, true)
    // Somebody else's event of that name aborts nothing.
    signal.dispatchEvent(new OurEvent('abort', { cancelable: true }))
    expect(signal.aborted).toBe(false)
    controller.abort()
    expect(heard).toEqual([
      [true, 'other', false, false, true],
      [true, 'abort', false, true, true],
      [true, 'abort', false, false, true],
    ])
  })

  it('is not made by apps', () => {
    expect(() => new (OurSignal as unknown as new () => unknown)()).toThrow(TypeError)
  })
})

interface Kind {
  readonly Controller: new () => AbortController
  readonly Signal: typeof AbortSignal
}
const OURS = { Controller: OurController, Signal: OurSignal } as unknown as Kind
const NODES: Kind = { Controller: AbortController, Signal: AbortSignal }

const pause = (delayMs: number) => new Promise((resolve) => setTimeout(resolve, delayMs))

/** Each writes down what it sees; both implementations must see the same. */
const SCENARIOS: [string, (kind: Kind, log: (...facts: unknown[]) => void) => unknown][] = [
  [
    'the first source to abort gives the reason, whoever asks when',
    ({ Controller, Signal }, log) => {
      const [a, b] = [new Controller(), new Controller()]
      const any = Signal.any([a.signal, b.signal])
      b.abort('b')
      a.abort('a')
      log(any.aborted, any.reason, Signal.any([a.signal, b.signal]).reason)
    },
  ],
  [
    'dependents are told after the source, in the order they were made',
    ({ Controller, Signal }, log) => {
      const source = new Controller()
      const [first, second] = [Signal.any([source.signal]), Signal.any([source.signal])]
      second.addEventListener('abort', () => log('second', second.reason))
      first.addEventListener('abort', () => log('first', first.reason))
      source.signal.addEventListener('abort', () => log('source'))
      source.abort('x')
      log(second.reason)
    },
  ],
  [
    'dependents of dependents',
    ({ Controller, Signal }, log) => {
      const [a, b] = [new Controller(), new Controller()]
      const inner = Signal.any([a.signal])
      const outer = Signal.any([inner, b.signal])
      outer.onabort = ({ type, target }) => log(type, target === outer)
      inner.onabort = () => log('inner')
      a.abort('a')
      b.abort('b')
      log(outer.reason)
    },
  ],
  [
    'no source at all',
    ({ Signal }, log) => log(Signal.any([]).aborted, Signal.any([Signal.abort('x')]).reason),
  ],
  ['what is no signal', ({ Signal }) => Signal.any([{} as AbortSignal])],
  [
    'onabort is called in its turn, and not once it is taken back',
    ({ Controller }, log) => {
      const { signal } = new Controller()
      log(signal.onabort)
      const controller = new Controller()
      controller.signal.addEventListener('abort', () => log('before'))
      controller.signal.onabort = () => log('never')
      controller.signal.onabort = () => log('on')
      controller.signal.addEventListener('abort', () => log('after'))
      controller.abort()
      const silent = new Controller()
      silent.signal.onabort = () => log('silent')
      silent.signal.onabort = null
      silent.abort()
    },
  ],
  [
    'a listener that another one removes is not called',
    ({ Controller }, log) => {
      const controller = new Controller()
      const last = () => log('last')
      controller.signal.addEventListener('abort', () =>
        controller.signal.removeEventListener('abort', last),
      )
      controller.signal.addEventListener('abort', last)
      controller.abort()
      log('done')
    },
  ],
  [
    'a listener goes when the signal that was given with it fires',
    ({ Controller, Signal }, log) => {
      const [controller, remover] = [new Controller(), new Controller()]
      const { signal } = remover
      controller.signal.addEventListener('abort', () => log('removed'), { signal })
      remover.abort()
      controller.signal.addEventListener('abort', () => log('late'), { signal })
      controller.signal.addEventListener('abort', () => log('no'), { signal: Signal.abort() })
      controller.signal.addEventListener('abort', () => log('stays'), {
        signal: new Controller().signal,
      })
      controller.abort()
    },
  ],
  [
    'a time-out aborts those who listen and those who ask',
    async ({ Signal }, log) => {
      const [asked, heard] = [Signal.timeout(300), Signal.timeout(300)]
      const any = Signal.any([heard, Signal.timeout(60_000)])
      const never = () => log('never')
      heard.addEventListener('abort', never)
      heard.removeEventListener('abort', never)
      const happened = new Promise((resolve) => {
        any.addEventListener('abort', resolve)
      })
      log(asked.aborted, heard.aborted, any.aborted)
      await happened
      await pause(10)
      log(asked.aborted, (asked.reason as Error).name, heard.aborted, (any.reason as Error).name)
      Signal.timeout(0)
    },
  ],
]

describe('AbortSignal as Node has it', () => {
  it.each(SCENARIOS)('%s', async (_name, play) => {
    expect(await factsOf(OURS, play)).toEqual(await factsOf(NODES, play))
  })
})

it('dependents are aborted before the first listener of the source runs (DOM §3.2, which Node 20 does not do yet)', () => {
  const source = new OurController()
  const dependents = [OurSignal.any([source.signal]), OurSignal.any([source.signal])]
  const seen: boolean[] = []
  dependents[0]!.addEventListener('abort', () => {})
  source.signal.addEventListener('abort', () => seen.push(...dependents.map((it) => it.aborted)))
  source.abort()
  expect(seen).toEqual([true, true])
})

describe('a signal that stays', () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const MANY = 50_000

  /**
   * How many of those that `make` gives are still held once nobody but the module can hold them:
   * none or one, which the engine has left lying somewhere, where the module lets go.
   */
  async function heldOf(count: number, make: () => object): Promise<number> {
    const made = Array.from({ length: count }, () => new WeakRef(make()))
    await pause(0)
    collectGarbage()
    return made.filter((item) => item.deref() !== undefined).length
  }

  it('keeps nothing of dependents that nobody listens to (DOM §3.2)', async () => {
    const { signal } = new OurController()
    expect(
      await heldOf(1000, () => OurSignal.any([signal, new OurController().signal])),
    ).toBeLessThanOrEqual(1)
    expect(signal.aborted).toBe(false)
  })

  it('keeps nothing of dependents that have fired', async () => {
    const { signal } = new OurController()
    let calls = 0
    const use = () => {
      const own = new OurController()
      const any = OurSignal.any([signal, own.signal])
      any.addEventListener('abort', () => calls++)
      own.abort()
      return any
    }
    expect(await heldOf(1000, use)).toBeLessThanOrEqual(1)
    expect(calls).toBe(1000)
    expect(signal.aborted).toBe(false)
  })

  it('keeps nothing of listeners that were to go with another signal', async () => {
    const { signal } = new OurController()
    const use = () => {
      const own = new OurController()
      const listener = () => {}
      signal.addEventListener('abort', listener, { signal: own.signal })
      own.abort()
      return listener
    }
    expect(await heldOf(1000, use)).toBeLessThanOrEqual(1)
    const remover = new OurController()
    const reverse = () => {
      const own = new OurController()
      const listener = () => {}
      own.signal.addEventListener('abort', listener, { signal: remover.signal })
      own.abort()
      return listener
    }
    expect(await heldOf(1000, reverse)).toBeLessThanOrEqual(1)
    expect(signal.aborted || remover.signal.aborted).toBe(false)
  })

  it('holds those that somebody listens to, and tells them', async () => {
    const controller = new OurController()
    let calls = 0
    const use = () => {
      const any = OurSignal.any([controller.signal, new OurController().signal])
      any.onabort = () => calls++
      return any
    }
    expect(await heldOf(100, use)).toBe(100)
    controller.abort()
    expect(calls).toBe(100)
    expect(await heldOf(0, use)).toBe(0)
  })

  it('costs the same however many have come and gone', () => {
    const { signal } = new OurController()
    const startMs = performance.now()
    for (let count = 0; count < MANY; count++) {
      const own = new OurController()
      OurSignal.any([signal, own.signal]).addEventListener('abort', () => {})
      own.abort()
    }
    const open = Array.from({ length: MANY }, () => OurSignal.any([signal]))
    for (const any of open) any.addEventListener('abort', () => {})
    for (const any of open) any.onabort = () => {}
    // Quadratic, it would be minutes, and on a busy machine more of them.
    expect(performance.now() - startMs).toBeLessThan(30_000)
  })

  it('keeps no timer of a time-out that nobody listens to', async () => {
    expect(await heldOf(1000, () => OurSignal.timeout(1e9))).toBeLessThanOrEqual(1)
    const listener = () => {}
    const use = () => {
      const signal = OurSignal.timeout(1e9)
      signal.addEventListener('abort', listener)
      signal.removeEventListener('abort', listener)
      return signal
    }
    expect(await heldOf(1000, use)).toBeLessThanOrEqual(1)
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
