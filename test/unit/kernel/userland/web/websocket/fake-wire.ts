/** A WebSocket's link on a wire that a test holds the other end of. */

import { Link, type Role } from '../../../../../../kernel/userland/web/websocket/link.ts'
import { useMaskNative } from '../../../../../../kernel/userland/web/websocket/mask.ts'
import type { Wire } from '../../../../../../kernel/userland/web/websocket/wire.ts'
import { maskNative } from '../../../../../support/mask-native.ts'
import { isMasked, parseFrames, type TestFrame } from './test-frames.ts'

useMaskNative(maskNative)

export class FakeWire implements Wire {
  sent = Buffer.alloc(0)
  room = Number.POSITIVE_INFINITY
  takenCount = 0
  ending: 'open' | 'finished' | 'aborted' = 'open'
  deadlineMs = Number.POSITIVE_INFINITY
  timeMs = 0
  readonly lines: string[] = []

  send(bytes: Uint8Array, offset: number): number {
    const count = Math.min(this.room, bytes.length - offset)
    this.sent = Buffer.concat([this.sent, bytes.subarray(offset, offset + count)])
    this.room -= count
    return count
  }

  taken(): number {
    return this.takenCount
  }

  finish(): void {
    this.ending = 'finished'
  }

  abort(): void {
    this.ending = 'aborted'
  }

  setDeadline(atMs: number): void {
    this.deadlineMs = atMs
  }

  nowMs(): number {
    return this.timeMs
  }

  debug(message: string): void {
    this.lines.push(message)
  }
}

export interface Peer {
  readonly link: Link
  readonly wire: FakeWire
  /** Texts, bytes as Buffers, and `close code reason failure`. */
  readonly heard: unknown[]
  /** Lets bytes arrive, in parts of `partBytes`. */
  arrive(bytes: Uint8Array, partBytes?: number): void
  /** The frames sent since the last call. */
  frames(): TestFrame[]
  /** Lets time go on to the deadline, and a little further. */
  expire(): void
}

export function linkTo(role: Role): Peer {
  const heard: unknown[] = []
  const wire = new FakeWire()
  const link = new Link(role, {
    onText: (text) => heard.push(text),
    onBinary: (bytes) => heard.push(Buffer.from(bytes)),
    onClosing: () => heard.push('closing'),
    onClose: (code, reason, failure) => heard.push({ code, reason, failure }),
  })
  link.attach(wire)
  return {
    ...{ link, wire, heard },
    arrive(bytes, partBytes = bytes.length) {
      for (let at = 0; at < bytes.length; ) {
        const end = Math.min(at + partBytes, bytes.length)
        // Amid other bytes, as in a ring.
        const around = Buffer.concat([
          Buffer.alloc(3, 0xff),
          bytes.subarray(at, end),
          Buffer.from('xxxx'),
        ])
        at += link.receive(around, 3, end - at)
      }
    },
    frames() {
      const frames = parseFrames(wire.sent)
      wire.sent = Buffer.alloc(0)
      for (const frame of frames) {
        if (isMasked(frame) !== (role === 'client')) throw new Error('masked as it must not be')
      }
      return frames
    },
    expire() {
      wire.timeMs = wire.deadlineMs + 1
      link.expire()
    },
  }
}
