/** EventTarget (DOM §2.7). */
import type { Event } from './event.ts'
import { type EventListenerLike, EventListeners, type ListenerOptions } from './event-listeners.ts'

export class EventTarget {
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
