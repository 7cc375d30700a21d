/**
 * Takes frames from the device, a batch a turn, of which the datagrams of a flood get their share
 * only.
 */
import type { NetDevice, ReceivedFrame } from '../phy/net-device.ts'
import { createReceivedFrame } from '../phy/received-frame.ts'
import type { BulkOperations } from '../storage/buffer.ts'
import { type AwaitedPorts, UNASKED } from './awaited-ports.ts'
import type { Ingress } from './ingress.ts'
import { INGRESS_BATCH, IngressBudget } from './ingress-budget.ts'
import type { InterfaceCounters } from './interface-counters.ts'

/**
 * Full turns in a row before there is a share: together they are about what a ring of 256 buffers
 * and the 1000 frames that Linux keeps for a TAP hold, so that a burst which only has to wait loses
 * nothing.
 */
const PATIENT_TURNS = 16
/** Datagrams that a turn takes in at least, however many come. */
export const MIN_DATAGRAMS_A_TURN = 4
/** What ReceivedFrame promises. */
const QUEUE_COUNT = 16
/** Those beyond the share that a turn drops at most: it must end. */
export const MAX_SHED_A_TURN = 1024

/** So much a turn takes in at least, though its only sender waits for an answer. */
const LEAST_BYTES_A_TURN = 8 * 65_536
/** After so much it ends: what was joined is one frame. */
const MOST_BYTES_A_TURN = INGRESS_BATCH * 65_536

/**
 * Answers that the stack itself waits for and that a turn of a flood takes in beside the share;
 * more are no answers.
 */
export const MAX_AWAITED_A_TURN = 8

/**
 * A device's queue is first come, first served, and what does not fit is lost whoever sent it. So a
 * guest that is slower than a flood loses TCP's segments with it, and every connection waits out
 * its timeouts. What is dropped unseen costs next to nothing, which makes the guest faster than the
 * flood. The share follows what the guest can do: it is halved while turns are full, mostly of
 * datagrams, and grows by one with each turn that is not (as in RFC 5681 §3.1). Each queue of the
 * device has one of that size: what floods one of them leaves the datagrams of the others theirs.
 */
export class Intake {
  private readonly device: Pick<NetDevice, 'rx'>
  private readonly ingress: Ingress
  private readonly counters: InterfaceCounters
  private readonly bulk: BulkOperations
  private readonly awaited: AwaitedPorts
  private readonly frame: ReceivedFrame = createReceivedFrame()
  private readonly budget = new IngressBudget()
  private fullTurns = 0
  /** Datagrams that a turn takes in of a queue; above INGRESS_BATCH = all, and nobody looks. */
  private share = INGRESS_BATCH + 1
  /** By queue, what is left of it in this turn. */
  private readonly left = new Uint8Array(QUEUE_COUNT)

  constructor(
    device: Pick<NetDevice, 'rx'>,
    ingress: Ingress,
    counters: InterfaceCounters,
    bulk: BulkOperations,
    awaited: AwaitedPorts,
  ) {
    this.device = device
    this.ingress = ingress
    this.counters = counters
    this.bulk = bulk
    this.awaited = awaited
  }

  /** True when there may be more. */
  take(nowMs: number): boolean {
    if (this.share <= INGRESS_BATCH) return this.takeShare(nowMs)
    const { frame, ingress, counters } = this
    const { rx } = this.device
    const { packet } = ingress
    const sender = packet.connection
    let isAlone = true
    packet.endsTurn = false
    let limit = INGRESS_BATCH
    let received = 0
    let receivedBytes = 0
    while (rx.receive(frame)) {
      receivedBytes += frame.length
      ingress.process(frame, nowMs)
      rx.release(frame)
      received++
      // While one sender waits for an ACK, others send: their turn is worth more when it is long.
      if (packet.connection !== sender) isAlone = false
      if (
        receivedBytes >= LEAST_BYTES_A_TURN &&
        ((packet.endsTurn && isAlone) || receivedBytes >= MOST_BYTES_A_TURN)
      ) {
        this.count(received, receivedBytes)
        return true
      }
      if (received < limit) continue
      limit = this.budget.extend(limit, counters.framesSent)
      if (received === limit) break
    }
    if (received > 0) this.count(received, receivedBytes)
    if (received < INGRESS_BATCH) {
      this.fullTurns = 0
      return false
    }
    if (++this.fullTurns >= PATIENT_TURNS) this.share = INGRESS_BATCH
    return received === limit
  }

  private count(frames: number, bytes: number): void {
    this.counters.framesReceived += frames
    this.counters.bytesReceived += bytes
  }

  private takeShare(nowMs: number): boolean {
    const { frame, ingress, counters } = this
    const { rx } = this.device
    const { lookahead } = rx
    const left = this.left.fill(this.share)
    let limit = INGRESS_BATCH
    let received = 0
    let receivedBytes = 0
    let shed = 0
    let datagrams = 0
    let awaited = 0
    let { rules } = this.awaited
    while (received < limit && receivedBytes < MOST_BYTES_A_TURN && shed < MAX_SHED_A_TURN) {
      let isUnasked = false
      if (lookahead !== undefined) {
        const run = lookahead.upcoming(rules)
        const surplus = Math.min(run - left[lookahead.queueIndex]!, MAX_SHED_A_TURN - shed)
        if (surplus > 0) {
          lookahead.skip(surplus)
          shed += surplus
          continue
        }
        isUnasked = run > 0
      }
      if (!rx.receive(frame)) break
      const { buffer, offset, length } = frame.fragments[0]!
      if (lookahead === undefined) isUnasked = rules.mean(buffer.bytes, offset, length, this.bulk)
      if (!isUnasked && rules !== UNASKED) {
        // Whoever floods a port that is awaited gets no more than others.
        if (UNASKED.mean(buffer.bytes, offset, length, this.bulk)) awaited++
        if (awaited === MAX_AWAITED_A_TURN) rules = UNASKED
      }
      const { queueIndex } = frame
      if (isUnasked && left[queueIndex] === 0) {
        shed++
      } else {
        if (isUnasked) {
          left[queueIndex]!--
          datagrams++
        }
        received++
        receivedBytes += frame.length
        ingress.process(frame, nowMs)
        if (received === limit) limit = this.budget.extend(limit, counters.framesSent)
      }
      rx.release(frame)
    }
    this.count(received + shed, receivedBytes)
    counters.datagramsShed += shed
    const isLong = receivedBytes >= MOST_BYTES_A_TURN
    return this.judge(received + shed, datagrams + shed, isLong)
  }

  /** Fits the share to the turn that is over; true when there may be more. */
  private judge(frames: number, datagrams: number, isLong: boolean): boolean {
    const isFull = isLong || frames >= INGRESS_BATCH
    if (isFull && datagrams * 2 > frames) {
      this.share = Math.max(MIN_DATAGRAMS_A_TURN, this.share >> 1)
    } else {
      this.share++
      this.fullTurns = 0
    }
    return isFull
  }
}
