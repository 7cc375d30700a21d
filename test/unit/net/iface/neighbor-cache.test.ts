/**
 * Reachability of neighbors and the bounds of the cache (RFC 4861 §7.3, RFC 826, RFC 1122 §2.3.2).
 */
import { describe, expect, it } from 'vitest'
import type { Flow } from '../../../../net/iface/protocol-handler.ts'
import {
  advertisement,
  arpReply,
  harness,
  NOBODY,
  open,
  send,
  setUpHarness,
} from '../../../support/flow-lab.ts'
import { arp, concat, ethernet, mac } from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import {
  address,
  BROADCAST_MAC,
  PEER_IPV4,
  PEER_IPV6,
  PEER_MAC,
} from '../../../support/interface-harness.ts'

setUpHarness()

describe('reachability (RFC 4861 §7.3)', () => {
  function useFor(flow: Flow, durationMs: number): Uint8Array[] {
    const others: Uint8Array[] = []
    for (let step = 0; step < durationMs / 500; step++) {
      send(flow)
      harness.advance(500)
      for (const { bytes } of harness.device.takeSent()) {
        const type = new DataView(bytes.buffer).getUint16(12)
        if (type === 0x806 || (type === 0x86dd && bytes[20] === 58)) others.push(bytes)
      }
    }
    return others
  }

  it('probes a used neighbor directly after its time is over, and keeps it when it answers', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(useFor(flow, 30_000)).toEqual([])
    const [probe, ...rest] = useFor(flow, 5_500)
    expect(rest).toEqual([])
    expect([...probe!.subarray(0, 6)]).toEqual(mac(PEER_MAC))
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(useFor(flow, 30_000)).toEqual([])
  })

  it('takes only an answer for a proof: repeated unasked, it does not keep a neighbor that may be gone', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(useFor(flow, 29_000)).toEqual([])
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(useFor(flow, 7_000)).not.toEqual([])
  })

  it('asks everybody after three probes without answer, and stops sending to the old address', () => {
    const flow = open(PEER_IPV6)
    send(flow)
    harness.deliver(advertisement(PEER_IPV6, PEER_MAC, 0x60000000))
    expect(useFor(flow, 30_000)).toEqual([])
    const questions = useFor(flow, 13_500).map((bytes) => [...bytes.subarray(0, 6)])
    const group = mac('33:33:ff:00:00:09')
    const peer = mac(PEER_MAC)
    expect(questions).toEqual([peer, peer, peer, group, group, group, group, group])
    expect(send(flow)).toBe(false)
    expect(harness.host.egress.isUnreachable(flow, harness.nowMs)).toBe(true)
  })

  it('is doubted at once when what goes there is not answered (RFC 1122 §2.3.2.1, "Higher-layer Advice")', () => {
    const flow = open(PEER_IPV4)
    const other = '52:54:00:00:00:10'
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    harness.advance(2_000)
    harness.device.takeSent()
    const questions: number[][] = []
    for (let second = 0; second < 3; second++) {
      // Said again and again, it changes nothing: one question a second (RFC 1122 §2.3.2.1).
      for (let count = 0; count < 3; count++) harness.host.egress.suspect(flow, harness.nowMs)
      questions.push(...useFor(flow, 1_000).map((bytes) => [...bytes.subarray(0, 6)]))
    }
    expect(questions).toEqual([mac(PEER_MAC), mac(PEER_MAC), mac(PEER_MAC)])
    expect(useFor(flow, 500).map((bytes) => [...bytes.subarray(0, 6)])).toEqual([
      mac(BROADCAST_MAC),
    ])
    harness.deliver(arpReply(other, PEER_IPV4))
    expect(send(flow)).toBe(true)
    expect([...harness.device.takeSent().at(-1)!.bytes.subarray(0, 6)]).toEqual(mac(other))
  })

  it('that answers the doubt is reachable again', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    harness.advance(2_000)
    harness.host.egress.suspect(flow, harness.nowMs)
    expect(useFor(flow, 500)).toHaveLength(1)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(useFor(flow, 20_000)).toEqual([])
  })

  it('asks as long as somebody wants to send, and then no more, so that lost answers delay and do not end anything', () => {
    const flow = open(PEER_IPV4)
    const questions = useFor(flow, 40_000)
    expect(harness.host.egress.isUnreachable(flow, harness.nowMs)).toBe(true)
    // Five in a row, two seconds later one more, then one in four seconds.
    expect(questions.length).toBeGreaterThanOrEqual(12)
    expect(questions.length).toBeLessThanOrEqual(15)
    harness.advance(10_000)
    harness.device.takeSent()
    harness.advance(60_000)
    expect(harness.device.takeSent()).toEqual([])
    expect(harness.host.nextDeadlineMs(harness.nowMs)).toBe(Number.POSITIVE_INFINITY)
    // Who wants it now gets an attempt of its own, and waits for it.
    expect(useFor(flow, 500)).toHaveLength(1)
    expect(harness.host.egress.isUnreachable(flow, harness.nowMs)).toBe(false)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(send(flow)).toBe(true)
  })

  it('is not asked while a connection gets on through it (RFC 4861 §7.3.1)', () => {
    const flow = open(PEER_IPV4)
    const progress = { sendUnacknowledged: 1, receiveNext: 1 }
    flow.progress = progress
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    let questions = 0
    for (let second = 0; second < 200; second++) {
      if (second % 2 === 0) progress.sendUnacknowledged += 1000
      else progress.receiveNext++
      questions += useFor(flow, 1_000).length
    }
    expect(questions).toBe(0)
    // Nothing comes back any more: what was before is no proof.
    expect(useFor(flow, 45_000).length).toBeGreaterThan(0)
  })

  it('needs no timer for a neighbor that nobody uses', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(harness.host.nextDeadlineMs(harness.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('takes an overriding advertisement, and makes stale on another (RFC 4861 §7.2.5)', () => {
    const flow = open(PEER_IPV6)
    const other = '52:54:00:00:00:10'
    send(flow)
    harness.deliver(advertisement(PEER_IPV6, PEER_MAC, 0x60000000))
    harness.deliver(advertisement(PEER_IPV6, other, 0))
    expect(send(flow)).toBe(true)
    expect([...harness.device.takeSent().at(-1)!.bytes.subarray(0, 6)]).toEqual(mac(PEER_MAC))
    harness.deliver(advertisement(PEER_IPV6, other, 0x20000000))
    expect(send(flow)).toBe(true)
    expect([...harness.device.takeSent().at(-1)!.bytes.subarray(0, 6)]).toEqual(mac(other))
  })
})

describe('the neighbor cache', () => {
  it('stays bounded under 10,000 askers, and keeps gateway and active peers', () => {
    const flow = open(PEER_IPV4)
    const far = open('8.8.8.8')
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    send(far)
    harness.deliver(arpReply(lab.GATEWAY_MAC, lab.GATEWAY_IPV4))
    harness.iface.addAddress({ address: address('10.1.0.2'), prefixLength: 16 }, harness.nowMs)
    for (let index = 0; index < 10_000; index++) {
      const sender = `10.1.${index >> 8}.${index & 0xff}`
      if (sender === '10.1.0.2' || sender.endsWith('.0') || sender.endsWith('.255')) continue
      const question = arp(1, PEER_MAC, sender, NOBODY, '10.1.0.2')
      harness.device.inject(concat(ethernet(BROADCAST_MAC, PEER_MAC, 0x806), question))
      if (index % 100 === 0) harness.poll()
    }
    harness.poll()
    expect(harness.iface.neighbors.entries.length).toBeLessThanOrEqual(256)
    expect(harness.iface.counters.neighborEvicted).toBeGreaterThan(9_000)
    harness.device.takeSent()
    expect(send(flow)).toBe(true)
    expect(send(far)).toBe(true)
  })

  it('ignores 10,000 replies that nobody asked for', () => {
    for (let index = 0; index < 10_000; index++) {
      harness.device.inject(arpReply(PEER_MAC, `10.0.${index >> 8}.${index & 0xff || 1}`))
    }
    harness.poll()
    expect(harness.iface.neighbors.entries).toHaveLength(0)
  })

  it('stays bounded under traffic to thousands of silent hosts, and still serves a live one', () => {
    harness.iface.addAddress({ address: address('10.1.0.2'), prefixLength: 16 }, harness.nowMs)
    for (let index = 0; index < 3_000; index++) {
      send(open(`10.1.${1 + (index >> 8)}.${index & 0xff || 1}`))
    }
    harness.poll()
    expect(harness.iface.neighbors.entries.length).toBeLessThanOrEqual(256)
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    expect(send(flow)).toBe(true)
  })

  it('keeps an idle gateway through a flood', () => {
    const far = open('8.8.8.8')
    send(far)
    harness.deliver(arpReply(lab.GATEWAY_MAC, lab.GATEWAY_IPV4))
    harness.advance(120_000)
    harness.iface.addAddress({ address: address('10.1.0.2'), prefixLength: 16 }, harness.nowMs)
    for (let index = 0; index < 600; index++) {
      const question = arp(
        1,
        PEER_MAC,
        `10.1.${1 + (index >> 7)}.${1 + (index & 127)}`,
        NOBODY,
        '10.1.0.2',
      )
      harness.device.inject(concat(ethernet(BROADCAST_MAC, PEER_MAC, 0x806), question))
    }
    harness.poll()
    expect(harness.iface.neighbors.entries).toHaveLength(256)
    expect(harness.iface.neighbors.lookup(address(lab.GATEWAY_IPV4))).not.toBeNull()
  })

  it('asks one neighbor once a second at most, however often it is made to', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    harness.advance(5_000)
    harness.device.takeSent()
    let questions = 0
    for (let round = 0; round < 100; round++) {
      questions += harness.deliver(arpReply('52:54:00:66:66:66', PEER_IPV4)).length
      harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
      harness.advance(10)
      questions += harness.device.takeSent().length
    }
    expect(questions).toBe(1)
  })
})
