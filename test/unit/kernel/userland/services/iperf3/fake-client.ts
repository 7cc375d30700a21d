/** An iperf3 client for tests, message by message, and the server and clock that it talks to. */
import { Iperf3Server } from '../../../../../../kernel/userland/services/iperf3/iperf3-server.ts'
import type { AppSystem } from '../../../../../../kernel/userland/services/system.ts'
import { createPacketBuffer } from '../../../../../support/memory.ts'
import { FakeStreamSocket } from './fake-stream-socket.ts'

export const COOKIE = `${'abcdefghijklmnopqrstuvwxyz234567abcd'}\0`
export const OTHER_COOKIE = `${'z'.repeat(36)}\0`

/** A system whose timers run when the test advances the clock. */
export function fakeSystem() {
  let nowMs = 1_000
  let timers: { dueMs: number; callback: () => void }[] = []
  const system = {
    nowMs: () => nowMs,
    after(delayMs: number, callback: () => void) {
      const timer = { dueMs: nowMs + delayMs, callback }
      timers.push(timer)
      return {
        cancel() {
          timers = timers.filter((it) => it !== timer)
        },
      }
    },
    allocateShared: createPacketBuffer,
    encodeText: (text: string) => new TextEncoder().encode(text),
    decodeText: (bytes: Uint8Array, offset: number, length: number) =>
      new TextDecoder().decode(bytes.subarray(offset, offset + length)),
    // Asleep a quarter of the time.
    statistics: () => ({ uptimeNs: nowMs * 1e6, loop: { sleptNs: nowMs * 25e4 } }),
  } as unknown as AppSystem
  const advance = (milliseconds: number) => {
    const end = nowMs + milliseconds
    for (;;) {
      const next = timers.filter((it) => it.dueMs <= end).sort((a, b) => a.dueMs - b.dueMs)[0]
      if (next === undefined) break
      timers = timers.filter((it) => it !== next)
      nowMs = next.dueMs
      next.callback()
    }
    nowMs = end
  }
  return { system, advance, timerCount: () => timers.length }
}

export function json(value: unknown): Buffer {
  const text = Buffer.from(JSON.stringify(value))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(text.length)
  return Buffer.concat([length, text])
}

export class Lab {
  readonly clock = fakeSystem()
  readonly server = new Iperf3Server(this.clock.system)
  readonly sockets: FakeStreamSocket[] = []

  connect(first: string | Uint8Array = '', sendBytes?: number): FakeStreamSocket {
    const socket = new FakeStreamSocket(sendBytes)
    this.sockets.push(socket)
    if (first.length > 0) socket.arrive(first)
    this.server.accept(socket.asSocket())
    return socket
  }

  say(socket: FakeStreamSocket, bytes: Uint8Array | string | number[]): void {
    socket.arrive(Array.isArray(bytes) ? Uint8Array.from(bytes) : bytes)
    socket.handler?.onReadable?.(socket.asSocket())
  }

  /** The peer ends its direction. */
  finish(socket: FakeStreamSocket): void {
    socket.isPeerFinished = true
    socket.handler?.onPeerFinished?.(socket.asSocket())
  }

  /** The connection is gone. */
  reset(socket: FakeStreamSocket): void {
    socket.ending = 'aborted'
    socket.handler?.onClose(socket.asSocket(), null)
  }

  /** As far as CREATE_STREAMS. */
  negotiate(parameters: object): FakeStreamSocket {
    const control = this.connect(COOKIE)
    this.say(control, json({ tcp: true, omit: 0, time: 10, parallel: 1, ...parameters }))
    return control
  }

  /** As far as TEST_RUNNING, with what the server said so far taken away. */
  begin(parameters: object, streamCount = 1, sendBytes?: number) {
    const control = this.negotiate(parameters)
    const streams = Array.from({ length: streamCount }, () => this.connect(COOKIE, sendBytes))
    const said = [...control.takeSent()]
    return { control, streams, said }
  }
}

/** Results as a client sends them: bytes by stream. */
export function clientResults(bytes: Readonly<Record<number, number>>): Buffer {
  return json({
    cpu_util_total: 1,
    cpu_util_user: 1,
    cpu_util_system: 0,
    sender_has_retransmits: 1,
    streams: Object.entries(bytes).map(([id, count]) => ({ id: Number(id), bytes: count })),
  })
}

/** What the server answers to TEST_END and the results: JSON between two states. */
export function readServerResults(said: Buffer) {
  const length = said.readUInt32BE(0)
  return {
    results: JSON.parse(said.subarray(4, 4 + length).toString()),
    rest: [...said.subarray(4 + length)],
  }
}
