/**
 * Event and EventTarget against Node's (DOM §2): order, options, dispatch within dispatch, and what
 * fails.
 */
import { describe, expect, it } from 'vitest'
import * as events from '../../../../../kernel/userland/web/event.ts'
import { EventTarget as OurTarget } from '../../../../../kernel/userland/web/event-target.ts'

const ours = { ...events, EventTarget: OurTarget }
type Kit = { Event: typeof Event; EventTarget: typeof EventTarget }
const KITS = [ours as unknown as Kit, { Event, EventTarget }] as const

/** What `work` notes, with ours and with Node's. */
function compare(work: (kit: Kit, note: (text: unknown) => void) => void): unknown[] {
  const [mine, nodes] = KITS.map((kit) => {
    const notes: unknown[] = []
    try {
      work(kit, (text) => notes.push(text))
    } catch (error) {
      notes.push((error as Error).name)
    }
    return notes
  })
  expect(mine).toEqual(nodes)
  return mine!
}

describe('EventTarget', () => {
  it('calls listeners in order, capturing ones first, each once however often it was added', () => {
    const heard: unknown[] = []
    const note = (text: unknown) => void heard.push(text)
    {
      const target = new ours.EventTarget()
      const first = () => note('first')
      target.addEventListener('a', first)
      target.addEventListener('a', first)
      target.addEventListener('a', { handleEvent: () => note('object') })
      target.addEventListener('a', () => note('capture'), true)
      target.addEventListener('b', () => note('another'))
      target.addEventListener('a', null)
      target.addEventListener('a', (event) => event.stopPropagation(), { capture: true })
      note(target.dispatchEvent(new ours.Event('a')))
    }
    expect(heard).toEqual(['capture', 'first', 'object', true])
  })

  it('heeds once, signal and removal; what is added meanwhile hears the next event (§2.9)', () => {
    const notes: string[] = []
    const note = (text: string) => void notes.push(text)
    {
      const target = new ours.EventTarget()
      const controller = new AbortController()
      const removed = () => note('removed')
      target.addEventListener('a', () => note('once'), { once: true })
      target.addEventListener('a', () => note('signal'), { signal: controller.signal })
      target.addEventListener('a', () => {
        target.removeEventListener('a', removed)
        target.addEventListener('a', () => note('late'), { once: true })
      })
      target.addEventListener('a', removed)
      for (let round = 0; round < 3; round++) {
        target.dispatchEvent(new ours.Event('a'))
        note('--')
        controller.abort()
      }
      target.addEventListener('a', () => note('never'), { signal: controller.signal })
      target.dispatchEvent(new ours.Event('b'))
    }
    expect(notes).toEqual(['once', 'signal', '--', 'late', '--', 'late', '--'])
  })

  it('leaves nothing with a signal that stays, whichever way a listener is taken off', () => {
    const held = new Set<() => void>()
    const signal = {
      aborted: false,
      addEventListener: (_: string, callback: () => void) => void held.add(callback),
      removeEventListener: (_: string, callback: () => void) => void held.delete(callback),
    }
    const target = new ours.EventTarget()
    let heard = 0
    const listener = () => void heard++
    target.addEventListener('a', listener, { signal })
    target.removeEventListener('a', listener)
    target.addEventListener('a', listener, { signal, once: true })
    target.dispatchEvent(new ours.Event('a'))
    expect([heard, held.size]).toEqual([1, 0])
    target.addEventListener('a', listener, { signal })
    for (const abort of held) abort()
    target.dispatchEvent(new ours.Event('a'))
    expect([heard, held.size]).toEqual([1, 0])
  })

  it('tells whether the event was canceled, where it is, and stops at once', () => {
    const target = new ours.EventTarget()
    const places: unknown[] = []
    target.addEventListener('a', (event) => event.preventDefault(), { passive: true })
    target.addEventListener('a', (event) => {
      places.push(event.target === target, event.currentTarget === target, event.eventPhase)
      places.push(event.composedPath().length)
    })
    target.addEventListener('b', (event) => event.preventDefault())
    target.addEventListener('b', (event) => event.stopImmediatePropagation())
    target.addEventListener('b', () => places.push('never'))
    const results = ['a', 'b'].flatMap((type) =>
      [true, false].map((cancelable) => {
        const event = new ours.Event(type, { cancelable })
        const result = target.dispatchEvent(event)
        expect([event.target === target, event.currentTarget, event.eventPhase]).toEqual([
          ...[true, null, 0],
        ])
        return [type, cancelable, result, event.defaultPrevented, event.returnValue]
      }),
    )
    expect(results).toEqual([
      ['a', true, true, false, true],
      ['a', false, true, false, true],
      ['b', true, false, true, false],
      ['b', false, true, false, true],
    ])
    expect(places).toEqual([true, true, 2, 1, true, true, 2, 1])
  })

  it('refuses what is no event, and one that is under way', () => {
    compare(({ EventTarget }) => new EventTarget().dispatchEvent({ type: 'a' } as never))
    compare(({ Event }) => new (Event as never as new () => Event)())
    const target = new ours.EventTarget()
    const event = new ours.Event('a')
    let failure: unknown
    target.addEventListener('a', () => {
      try {
        target.dispatchEvent(event)
      } catch (error) {
        failure = error
      }
    })
    target.dispatchEvent(event)
    expect(failure).toBeInstanceOf(Error)
  })

  it('goes on after a listener that fails', () => {
    const heard: string[] = []
    const target = new ours.EventTarget()
    target.addEventListener('a', () => {
      throw new Error('a failure that the test wants')
    })
    target.addEventListener('a', () => heard.push('second'))
    expect(target.dispatchEvent(new ours.Event('a'))).toBe(true)
    expect(heard).toEqual(['second'])
  })

  it('can be extended, and carries details', () => {
    expect(() => new (ours.CustomEvent as unknown as new () => unknown)()).toThrow(TypeError)
    class Clock extends ours.EventTarget {
      tick(): void {
        this.dispatchEvent(new ours.CustomEvent('tick', { detail: 7 }))
      }
    }
    const clock = new Clock()
    let detail: unknown
    clock.addEventListener('tick', (event) => {
      detail = (event as events.CustomEvent).detail
    })
    clock.tick()
    expect(detail).toBe(7)
    expect(new ours.CustomEvent('x').detail).toBeNull()
    expect(String(clock)).toBe('[object EventTarget]')
  })
})
