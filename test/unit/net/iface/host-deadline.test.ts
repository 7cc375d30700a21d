/** When the host has to be polled: what its protocols note, and whom it asks how often. */
import { describe, expect, it } from 'vitest'
import type { ProtocolHandler } from '../../../../net/iface/protocol-handler.ts'
import { InterfaceHarness } from '../../../support/interface-harness.ts'

const START_MS = 100_000

/** A protocol that does nothing but wait for its time, and counts how often it is asked for it. */
class WaitingProtocol implements ProtocolHandler {
  readonly protocol = 253
  deadlineMs = Number.POSITIVE_INFINITY
  asked = 0
  readonly dispatchedMs: number[] = []

  process(): boolean {
    return false
  }

  dispatch(_egress: unknown, nowMs: number): boolean {
    this.dispatchedMs.push(nowMs)
    if (nowMs >= this.deadlineMs) this.deadlineMs = Number.POSITIVE_INFINITY
    return false
  }

  nextDeadlineMs(): number {
    this.asked++
    return this.deadlineMs
  }

  processError(): void {}
}

function fixture() {
  const { host } = new InterfaceHarness()
  const protocol = new WaitingProtocol()
  host.register(protocol)
  host.poll(START_MS)
  host.nextDeadlineMs(START_MS)
  return { host, protocol, deadline: host.egress.deadline }
}

describe('The host', () => {
  it('asks a protocol for its deadline when it is registered, and not in each turn', () => {
    const { host, protocol } = fixture()
    expect(protocol.asked).toBeGreaterThan(0)
    const { asked } = protocol
    for (let nowMs = START_MS; nowMs < START_MS + 10; nowMs++) {
      host.poll(nowMs)
      host.nextDeadlineMs(nowMs)
    }
    expect(protocol.asked).toBe(asked)
  })

  it('is due when a protocol has noted so, and no longer once that has had its turn', () => {
    const { host, protocol, deadline } = fixture()
    const otherMs = host.nextDeadlineMs(START_MS)
    protocol.deadlineMs = START_MS + 2
    deadline.note(START_MS + 2)
    expect(host.nextDeadlineMs(START_MS)).toBe(START_MS + 2)
    host.poll(START_MS + 1)
    expect(host.nextDeadlineMs(START_MS + 1)).toBe(START_MS + 2)
    host.poll(START_MS + 2)
    expect(protocol.dispatchedMs.at(-1)).toBe(START_MS + 2)
    expect(host.nextDeadlineMs(START_MS + 2)).toBe(otherMs)
  })

  it('keeps a deadline that its protocol has put off no longer than until it has come', () => {
    const { host, protocol, deadline } = fixture()
    deadline.note(START_MS + 2)
    protocol.deadlineMs = START_MS + 50
    host.poll(START_MS + 2)
    expect(host.nextDeadlineMs(START_MS + 2)).toBe(START_MS + 50)
  })

  it('asks each protocol when one wants a turn at once, until it has had it', () => {
    const { host, protocol, deadline } = fixture()
    protocol.deadlineMs = START_MS
    deadline.isUrgent = true
    expect(host.nextDeadlineMs(START_MS)).toBe(START_MS)
    host.poll(START_MS)
    expect(host.nextDeadlineMs(START_MS)).toBeGreaterThan(START_MS)
  })
})
