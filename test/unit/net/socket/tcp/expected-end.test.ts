/**
 * The fast path of an end decides what the steps of RFC 9293 §3.10.7.4 do: the same segments with
 * headers that it does not expect have the same effects.
 */
import { describe, expect, it } from 'vitest'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { sequenceDifference } from '../../../../../net/wire/sequence.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import { ack, fin, type ScriptSegment, TcpScript } from '../../../../support/tcp-script.ts'

const STEPS = 14
const NO_OPERATIONS = [1, 1, 1, 1]

function octets(word: number): number[] {
  return [word >>> 24, (word >>> 16) & 0xff, (word >>> 8) & 0xff, word & 0xff]
}

/** A peer's connection, whose segments say the same in the common layout or in another. */
class Peer {
  readonly script = new TcpScript()
  readonly socket: TcpSocket
  readonly seen: string[] = []
  ends = 0
  private readonly log: { readonly events: readonly string[] }
  private readonly isStamped: boolean
  private readonly isCommon: boolean
  private next = 1
  private hasEnded = false

  constructor(isStamped: boolean, isCommon: boolean) {
    this.isStamped = isStamped
    this.isCommon = isCommon
    const stamp = isStamped ? { timestamp: [1000, 0] as const } : {}
    const { socket, log } = this.script.establish({ ...stamp, windowScale: 2, sackPermitted: true })
    this.socket = socket
    this.log = log
  }

  send(segment: ScriptSegment): void {
    const { script } = this
    const echo = script.nowMs + this.socket.timestampOffset
    const value = 2000 + script.nowMs
    const aligned = this.isStamped ? { timestamp: [value, echo | 0] as const } : {}
    const other = this.isStamped
      ? [8, 10, ...octets(value), ...octets(echo | 0), 1, 1]
      : NO_OPERATIONS
    const before = script.tcp.readStatistics().fastPathSegments
    script.send({ ...segment, ...(this.isCommon ? aligned : { rawOptions: other }) })
    const isFast = script.tcp.readStatistics().fastPathSegments > before
    if (isFast && (segment.flags === 'FA' || segment.flags === 'A')) this.ends++
  }

  step(random: SeededRandom): void {
    const { script, socket } = this
    const choice = random.nextFraction()
    const amount = Math.floor(random.nextFraction() * 3000)
    const window = [16_000, 16_000, 16_000, 3, 0][Math.floor(random.nextFraction() * 5)]!
    const sent = sequenceDifference(socket.sendMax, socket.initialSendSequence)
    const old = sequenceDifference(socket.sendUnacknowledged, socket.initialSendSequence)
    const acknowledgment = [sent, sent, sent, old, old + 1][Math.floor(random.nextFraction() * 5)]!
    const sequence = this.next + (random.nextFraction() < 0.1 ? -1 : 0)
    if (choice < 0.15) {
      if (socket.canSend()) socket.send(new Uint8Array(amount), 0, amount)
    } else if (choice < 0.3) socket.closeWrite()
    else if (choice < 0.35) socket.close()
    else if (choice < 0.4) script.advance(amount)
    else if (choice < 0.5 && !this.hasEnded) {
      this.send({ flags: 'PA', sequence, payload: 'text', acknowledgment, window })
      if (sequence === this.next) this.next += 4
    } else if (choice < 0.75) this.send(ack(acknowledgment, { sequence, window }))
    else {
      this.send(fin(this.hasEnded ? this.next - 1 : sequence, { acknowledgment, window }))
      if (!this.hasEnded && sequence === this.next) {
        this.hasEnded = true
        this.next++
      }
    }
  }

  note(): void {
    const { script, socket } = this
    const sent = script.drain().map(({ flags, sequence, acknowledgment, window, length }) => {
      return `${flags} ${sequence} ${acknowledgment} ${window} ${length}`
    })
    const { tcp } = script
    const { drops, challengeAcksSent, resetsSent, bytesReceived } = tcp.readStatistics()
    const { state, sendUnacknowledged, sendNext, sendWindow, maxSendWindow, receiveNext } = socket
    const { timestampRecent, isPeerFinished, retransmitDeadlineMs, sendSpace, timeouts } = socket
    const { lastReceivedMs, progressMs, receivedLength } = socket
    const numbers = { state, sendUnacknowledged, sendNext, sendWindow, maxSendWindow, receiveNext }
    this.seen.push(
      JSON.stringify([
        ...[sent, numbers, timestampRecent, isPeerFinished, retransmitDeadlineMs, sendSpace],
        ...[timeouts, lastReceivedMs, progressMs, receivedLength, this.log.events.join()],
        ...[tcp.connectionCount, tcp.timeWaitCount, tcp.finWait2Count],
        ...[drops, challengeAcksSent, resetsSent, bytesReceived],
      ]),
    )
  }
}

function course(seed: number, isStamped: boolean, isCommon: boolean): Peer {
  const peer = new Peer(isStamped, isCommon)
  const random = new SeededRandom(seed)
  for (let step = 0; step < STEPS; step++) {
    peer.step(random)
    peer.note()
  }
  return peer
}

describe.each([true, false])('the end of a connection with timestamps: %s', (isStamped) => {
  it('is the same whether its headers are expected or not', () => {
    let ends = 0
    for (let seed = 1; seed <= 600; seed++) {
      const expected = course(seed, isStamped, true)
      const looked = course(seed, isStamped, false)
      expect(expected.seen, `seed ${seed}`).toEqual(looked.seen)
      expect(looked.ends).toBe(0)
      ends += expected.ends
    }
    expect(ends).toBeGreaterThan(500)
  })

  it('needs no look at its options: FIN, our FIN with its ACK, and the last ACK', () => {
    const peer = new Peer(isStamped, true)
    peer.socket.closeWrite()
    peer.note()
    peer.send(fin(1, { acknowledgment: 2, window: 500 }))
    expect([peer.ends, peer.script.tcp.timeWaitCount]).toEqual([1, 1])
    const other = new Peer(isStamped, true)
    other.send(fin(1, { acknowledgment: 1, window: 500 }))
    other.socket.close()
    other.note()
    other.send(ack(2, { sequence: 2, window: 500 }))
    expect([other.ends, other.script.tcp.connectionCount]).toEqual([2, 0])
  })
})
