/** MessageChannel and MessagePort (HTML §9.4) within one program. */
import { DOMException } from './dom-exception.ts'
import { EventHandlers } from './event-handlers.ts'
import { EventTarget } from './event-target.ts'
import { startTimer } from './host-globals.ts'
import { MessageEvent } from './message-event.ts'
import { type CloneOptions, cloneWithTransfer } from './structured-clone.ts'
import { TRANSFER, type Transfer } from './transfer.ts'

interface Delivery {
  readonly data: unknown
  readonly ports: readonly object[]
}

/** What a port is the handle of; it goes on to another handle when the port is transferred. */
interface End {
  other: End | null
  port: MessagePort | null
  waiting: Delivery[]
  isStarted: boolean
  isScheduled: boolean
}

/** Each message is told of by itself, after what the one before has begun with promises. */
function schedule(end: End): void {
  if (end.isScheduled || !end.isStarted || end.waiting.length === 0) return
  end.isScheduled = true
  startTimer(() => {
    end.isScheduled = false
    const { port, isStarted } = end
    if (port === null || !isStarted) return
    const delivery = end.waiting.shift()
    schedule(end)
    if (delivery !== undefined) port.dispatchEvent(new MessageEvent('message', delivery))
  }, 0)
}

export class MessagePort extends EventTarget {
  readonly #handlers = new EventHandlers(this)
  #end: End | null

  /** Only channels and transfers make ports. */
  constructor(end: End | null) {
    super()
    this.#end = end
    if (end !== null) end.port = this
    Object.defineProperty(this, TRANSFER, { value: () => this.#transfer() })
  }

  get onmessage(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get('message')
  }

  /** Begins to hear, as `start` does. */
  set onmessage(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set('message', handler)
    this.start()
  }

  get onmessageerror(): ((event: MessageEvent) => unknown) | null {
    return this.#handlers.get('messageerror')
  }

  set onmessageerror(handler: ((event: MessageEvent) => unknown) | null) {
    this.#handlers.set('messageerror', handler)
  }

  /** Throws DOMException 'DataCloneError' for what cannot be cloned. */
  postMessage(message: unknown, options: Iterable<object> | CloneOptions = []): void {
    const transfer = Symbol.iterator in options ? options : (options.transfer ?? [])
    const list = [...transfer]
    if (list.includes(this)) {
      throw new DOMException('Cannot send a port through itself', 'DataCloneError')
    }
    const { clone, moved } = cloneWithTransfer(message, list)
    const other = this.#end?.other ?? null
    // A message to a port that was sent along with it has nobody to hear it.
    if (other === null) return
    other.waiting.push({ data: clone, ports: moved })
    schedule(other)
  }

  start(): void {
    if (this.#end === null) return
    this.#end.isStarted = true
    schedule(this.#end)
  }

  /** What has been sent to the other port arrives there; nothing more is heard here. */
  close(): void {
    const end = this.#end
    if (end === null) return
    this.#end = null
    end.port = null
    end.waiting = []
    if (end.other !== null) end.other.other = null
    end.other = null
  }

  override get [Symbol.toStringTag](): string {
    return 'MessagePort'
  }

  #transfer(): Transfer {
    const end = this.#end
    if (end === null) {
      throw new DOMException('A port that has been sent or closed cannot be sent', 'DataCloneError')
    }
    const received = new MessagePort(null)
    return {
      received,
      complete: () => {
        this.#end = null
        end.isStarted = false
        received.#take(end)
      },
    }
  }

  #take(end: End): void {
    this.#end = end
    end.port = this
  }
}

export class MessageChannel {
  readonly port1: MessagePort
  readonly port2: MessagePort

  constructor() {
    const one = newEnd()
    const two = newEnd()
    one.other = two
    two.other = one
    this.port1 = new MessagePort(one)
    this.port2 = new MessagePort(two)
  }

  get [Symbol.toStringTag](): string {
    return 'MessageChannel'
  }
}

function newEnd(): End {
  return { other: null, port: null, waiting: [], isStarted: false, isScheduled: false }
}
