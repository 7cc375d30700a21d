/** EventTarget (DOM §2.7). */
import type { Event } from './event.ts'
import { type EventListenerLike, EventListeners, type ListenerOptions } from './event-listeners.ts'

export class EventTarget {
  // biome-ignore-start lint/complexity/noThisInStatic: subclasses inherit it, each for itself.
  /** `system.shutdown`, which the kernel makes, is one too. */
  static [Symbol.hasInstance](value: unknown): boolean {
    if (Function.prototype[Symbol.hasInstance].call(this, value)) return true
    return this === EventTarget && Object.prototype.toString.call(value) === '[object AbortSignal]'
  }
  // biome-ignore-end lint/complexity/noThisInStatic: subclasses inherit it, each for itself.

  readonly #listeners = new EventListeners(this)

  addEventListener(
    type: string,
    callback: EventListenerLike,
    options?: ListenerOptions | boolean,
  ): void {
    this.#listeners.add(type, callback, options)
  }

  removeEventListener(
    type: string,
    callback: EventListenerLike,
    options?: ListenerOptions | boolean,
  ): void {
    this.#listeners.remove(type, callback, options)
  }

  /** False when the event is cancelable and a listener has canceled it. */
  dispatchEvent(event: Event): boolean {
    return this.#listeners.dispatch(event)
  }

  get [Symbol.toStringTag](): string {
    return 'EventTarget'
  }
}
