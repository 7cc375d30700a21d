/**
 * How many frames a poll takes in: a batch of a flood, and as many more as answer what was sent.
 */
import { describe, expect, it } from 'vitest'
import {
  INGRESS_BATCH,
  IngressBudget,
  MAX_ANSWER_BATCH,
} from '../../../../net/iface/ingress-budget.ts'
import { fromPeer, InterfaceHarness } from '../../../support/interface-harness.ts'

/** Of a protocol that nobody speaks: no frame is sent for it. */
const UNANSWERED = fromPeer(0x88b5, [1, 2, 3])

/**
 * An interface that has sent `sent` frames since its last full batch, and what it takes of many
 * that come.
 */
function takenAfter(sent: number): number {
  const harness = new InterfaceHarness()
  const { host, iface, device, nowMs } = harness
  const flood = (count: number) => {
    for (let frame = 0; frame < count; frame++) device.inject(UNANSWERED)
  }
  flood(INGRESS_BATCH)
  harness.poll()
  iface.counters.framesSent += sent
  flood(1000)
  const before = iface.counters.framesReceived
  expect(host.poll(nowMs)).toBe(true)
  return iface.counters.framesReceived - before
}

describe('a poll', () => {
  it('takes a batch of a flood that is not answered', () => {
    expect(takenAfter(0)).toBe(INGRESS_BATCH)
  })

  it('takes as many frames more as were sent, since each may bring an ACK', () => {
    expect(takenAfter(30)).toBe(INGRESS_BATCH + 30)
  })

  it('takes no more than a turn has time for, however much was sent', () => {
    expect(takenAfter(100_000)).toBe(INGRESS_BATCH + MAX_ANSWER_BATCH)
  })
})

describe('IngressBudget', () => {
  it('gives each frame sent once', () => {
    const budget = new IngressBudget()
    const limits = [10, 10, 15].map((sent) => budget.extend(INGRESS_BATCH, sent))
    expect(limits).toEqual([INGRESS_BATCH + 10, INGRESS_BATCH, INGRESS_BATCH + 5])
  })

  it('extends a poll once', () => {
    expect(new IngressBudget().extend(INGRESS_BATCH + 1, 100)).toBe(INGRESS_BATCH + 1)
  })
})
