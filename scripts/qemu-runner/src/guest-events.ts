/** The guest's events: one JSON object a line on the debug console (port 0xe9). */
import type { Readable } from 'node:stream'
import { LineSplitter } from './line-splitter.ts'
import type { PendingWaits, WaitOptions } from './pending-waits.ts'

/** Every event names itself and carries its time since the guest's entry. */
export interface GuestEvent {
  readonly event: string
  readonly ns?: number
  readonly [field: string]: unknown
}

export interface ReceivedEvent<E extends GuestEvent = GuestEvent> {
  readonly value: E
  /** performance.now() of this process when it arrived. */
  readonly receivedAtMs: number
}

export interface GuestEventOptions<E extends GuestEvent> extends WaitOptions {
  /** Takes only events that pass. */
  where?: (value: E) => boolean
}

export class GuestEvents {
  readonly received: ReceivedEvent[] = []
  /** Lines that are not JSON objects with an `event`: firmware chatter, or a bug of the guest. */
  readonly noise: string[] = []
  private readonly waits: PendingWaits
  private readonly splitter = new LineSplitter()
  private readonly listeners = new Set<(event: ReceivedEvent) => void>()

  constructor(stream: Readable, waits: PendingWaits) {
    this.waits = waits
    stream.on('data', (chunk: Buffer) => {
      const receivedAtMs = performance.now()
      for (const line of this.splitter.push(chunk)) this.take(line, receivedAtMs)
    })
  }

  /** Calls `listener` for each event from now on; returns what ends that. */
  on(listener: (event: ReceivedEvent) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** The first event of that name, also one that came before; rejects with GuestWaitError. */
  async once<E extends GuestEvent = GuestEvent>(
    name: string,
    options: GuestEventOptions<E> = {},
  ): Promise<ReceivedEvent<E>> {
    const { where } = options
    const what = `event "${name}"${where === undefined ? '' : ' with the fields asked for'}`
    return this.waits.wait<ReceivedEvent<E>>(what, options, (answer) => {
      const listener = (event: ReceivedEvent): void => {
        if (event.value.event !== name) return
        if (where === undefined || where(event.value as E)) answer(event as ReceivedEvent<E>)
      }
      for (const event of this.received) listener(event)
      return this.on(listener)
    })
  }

  private take(line: string, receivedAtMs: number): void {
    const value = parseEvent(line)
    if (value === undefined) {
      if (line !== '') this.noise.push(line)
      return
    }
    const event = { value, receivedAtMs }
    this.received.push(event)
    for (const listener of [...this.listeners]) listener(event)
    if (value.event === 'panic') {
      const message = typeof value.message === 'string' ? value.message : JSON.stringify(value)
      this.waits.end('panic', `the guest panicked: ${message}`)
    }
  }
}

function parseEvent(line: string): GuestEvent | undefined {
  if (!line.startsWith('{')) return undefined
  try {
    const value: unknown = JSON.parse(line)
    if (typeof value !== 'object' || value === null) return undefined
    return typeof (value as GuestEvent).event === 'string' ? (value as GuestEvent) : undefined
  } catch {
    return undefined
  }
}
