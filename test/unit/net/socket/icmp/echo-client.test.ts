/**
 * Echo requests of this host: what leaves, what counts as their answer, and how they end without
 * one.
 */
import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { IcmpReport, TransportError } from '../../../../../net/iface/protocol-handler.ts'
import { MAX_PENDING_ECHOES } from '../../../../../net/socket/icmp/echo-client.ts'
import type { IpAddress } from '../../../../../net/wire/ip-address.ts'
import { formatIpAddress } from '../../../../../net/wire/ip-address-text.ts'
import { fragmentsOf } from '../../../../support/fragments.ts'
import {
  IcmpLab,
  icmpFrom,
  isIcmpChecksumGood,
  sentPayloads,
} from '../../../../support/icmp-lab.ts'
import { address } from '../../../../support/interface-harness.ts'
import { PEERS } from '../../../../support/udp-lab.ts'

const TYPES = {
  4: { protocol: 1, request: 8, reply: 0, exceeded: 11, unreachable: 3 },
  6: { protocol: 58, request: 128, reply: 129, exceeded: 3, unreachable: 1 },
} as const

let lab: IcmpLab
let notes: string[]
beforeEach(() => {
  lab = new IcmpLab()
  notes = []
})

const listener = {
  onReply: (source: IpAddress, _arrivalIndex: number, ms: number, hopLimit: number) =>
    notes.push(`reply ${formatIpAddress(source)} ${ms} ${hopLimit}`),
  onError: (error: TransportError, report: IcmpReport) =>
    notes.push(`${error.kind} ${report.type}/${report.code} ${formatIpAddress(report.reporter)}`),
  onTimeout: (isUnreachable: boolean) => notes.push(isUnreachable ? 'unreachable' : 'timeout'),
}

function ping(host: string, fields: { lengthBytes?: number; hopLimit?: number } = {}): void {
  const { lengthBytes = 4, hopLimit = 64 } = fields
  const request = { address: address(host), lengthBytes, hopLimit, timeoutMs: 500, listener }
  lab.protocols.ping(request, lab.nowMs)
}

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const { protocol, request, reply, exceeded, unreachable } = TYPES[version]
  const peer = PEERS[version]
  const data = [0, 1, 2, 3]

  it('a request has identifier, sequence number and data, and a checksum that is right', () => {
    ping(peer, { hopLimit: 9 })
    ping(peer, { lengthBytes: 0 })
    const sent = sentPayloads(lab.takeSent(), protocol)
    expect(sent.map(({ payload }) => payload.slice(8))).toEqual([data, []])
    for (const { payload, isOffloaded, isHeaderGood } of sent) {
      expect(payload.slice(0, 2)).toEqual([request, 0])
      expect(isIcmpChecksumGood(version, payload)).toBe(true)
      expect([isOffloaded, isHeaderGood]).toEqual([false, true])
    }
    expect(sent[0]!.hopLimit).toBe(9)
    const [first, second] = sent.map(({ rest }) => rest)
    expect(second! >>> 16).toBe(first! >>> 16)
    expect((second! - first!) & 0xffff).toBe(1)
  })

  it('its reply gives the time it took and what was left of the hop limit', () => {
    ping(peer)
    const [sent] = sentPayloads(lab.takeSent(), protocol)
    lab.stopwatchMs += 1.5
    lab.deliver(icmpFrom(version, reply, 0, sent!.rest, data, { hopLimit: 63 }))
    expect(notes).toEqual([`reply ${peer} 1.5 63`])
    // A second one is nobody's.
    lab.deliver(icmpFrom(version, reply, 0, sent!.rest, data))
    expect(notes).toHaveLength(1)
    // Nor is anything left to be done when its time would be over.
    lab.nowMs += 500
    lab.poll()
    expect(notes).toHaveLength(1)
    expect(lab.host.nextDeadlineMs(lab.nowMs)).toBeGreaterThan(lab.nowMs + 500)
  })

  it('its reply counts when all of its data is right', () => {
    const length = 300
    const bytes = Uint8Array.from({ length }, (_, index) => index & 255)
    ping(peer, { lengthBytes: length })
    const rest = sentPayloads(lab.takeSent(), protocol)[0]!.rest
    const wrong = bytes.slice()
    wrong[length - 1]! ^= 1
    lab.deliver(icmpFrom(version, reply, 0, rest, wrong))
    expect(notes).toEqual([])
    lab.deliver(icmpFrom(version, reply, 0, rest, bytes))
    expect(notes).toHaveLength(1)
  })

  it('what is not the reply does not count as one', () => {
    ping(peer)
    const rest = sentPayloads(lab.takeSent(), protocol)[0]!.rest
    const other = version === 4 ? '10.0.0.8' : '2001:db8::8'
    lab.deliver(icmpFrom(version, reply, 0, rest, data, { source: other }))
    lab.deliver(icmpFrom(version, reply, 1, rest, data))
    lab.deliver(icmpFrom(version, reply, 0, rest ^ 0x10000, data))
    lab.deliver(icmpFrom(version, reply, 0, rest + 1, data))
    lab.deliver(icmpFrom(version, reply, 0, rest, [0, 1, 2, 9]))
    lab.deliver(icmpFrom(version, reply, 0, rest, [0, 1, 2]))
    expect(notes).toEqual([])
    expect(lab.protocols.readStatistics().echo).toMatchObject({
      sent: 1,
      replies: 0,
      unexpected: 5,
    })
    lab.advance(499)
    expect(notes).toEqual([])
    lab.advance(1)
    expect(notes).toEqual(['timeout'])
    lab.deliver(icmpFrom(version, reply, 0, rest, data))
    expect(notes).toHaveLength(1)
  })

  it('an error that quotes it ends it with who says so, and one that quotes another does not', () => {
    ping(peer)
    const [sent] = sentPayloads(lab.takeSent(), protocol)
    const router = version === 4 ? '192.0.2.77' : '2001:db8:9::77'
    const forged = sent!.packet.slice()
    forged[forged.length - 5]! ^= 1
    lab.deliver(icmpFrom(version, exceeded, 0, 0, forged, { source: router }))
    expect(notes).toEqual([])
    lab.deliver(icmpFrom(version, exceeded, 0, 0, sent!.packet, { source: router }))
    expect(notes).toEqual([`soft ${exceeded}/0 ${router}`])
    ping(peer)
    const [second] = sentPayloads(lab.takeSent(), protocol)
    lab.deliver(icmpFrom(version, unreachable, 1, 0, second!.packet, { source: router }))
    expect(notes[1]).toContain(`${unreachable}/1 ${router}`)
  })

  it('a long one goes in fragments, and its reply may come in fragments', () => {
    const lengthBytes = 3_000
    ping(peer, { lengthBytes })
    const fragments = lab.takeSent()
    expect(fragments).toHaveLength(3)
    // The first fragment has the ICMP header behind IP header and, in IPv6, fragment header.
    const start = version === 4 ? 34 : 62
    const first = fragments[0]!.bytes
    expect(first[start]).toBe(request)
    const rest = new DataView(first.buffer, first.byteOffset).getInt32(start + 4)
    const bytes = Uint8Array.from({ length: lengthBytes }, (_, index) => index & 255)
    const whole = icmpFrom(version, reply, 0, rest, bytes)
    const message = whole.subarray(version === 4 ? 34 : 54)
    const fields = { version, protocol, identification: 9 }
    for (const frame of fragmentsOf(fields, message, 1_000)) lab.deliver(frame)
    expect(notes).toEqual([expect.stringContaining(`reply ${peer}`)])
  })

  it('any bytes as ICMP are survived, and end no request', () => {
    lab.protocols.openRaw(protocol, {}, lab.nowMs)
    ping(peer)
    lab.takeSent()
    const byte = fc.nat({ max: 255 })
    const data = fc.uint8Array({ maxLength: 90 })
    const type = fc.oneof(byte, fc.constantFrom(reply, request, exceeded, unreachable))
    fc.assert(
      fc.property(type, byte, fc.integer(), data, (anyType, code, rest, bytes) => {
        lab.deliver(icmpFrom(version, anyType, code, rest, bytes))
      }),
      { numRuns: 500 },
    )
    expect(notes).toEqual([])
  })

  it('a host on the link that does not answer is unreachable before the time is out', () => {
    const nobody = version === 4 ? '10.0.0.66' : '2001:db8::66'
    const patient = { address: address(nobody), lengthBytes: 4, hopLimit: 64, timeoutMs: 60_000 }
    lab.protocols.ping({ ...patient, listener }, lab.nowMs)
    for (let second = 0; second < 10; second++) lab.advance(1_000)
    expect(notes).toEqual(['unreachable'])
  })

  it('costs nothing when nobody waits: its protocol is registered while it is used', () => {
    ping(peer)
    lab.takeSent()
    lab.advance(500)
    expect(notes).toEqual(['timeout'])
    lab.poll()
    const before = lab.snapshot()
    lab.deliver(icmpFrom(version, reply, 0, 5, data))
    expect(lab.changes(before)).toEqual({ icmpIgnored: 1 })
    ping(peer)
    expect(sentPayloads(lab.takeSent(), protocol)).toHaveLength(1)
  })

  it('says what it cannot do', () => {
    const far = expect.objectContaining({ code: 'unreachable' })
    expect(() => ping(version === 4 ? '0.0.0.0' : '::')).toThrow(far)
    for (let count = 0; count < MAX_PENDING_ECHOES; count++) ping(peer)
    const many = expect.objectContaining({ code: 'exhausted' })
    expect(() => ping(peer)).toThrow(many)
    lab.takeSent()
    lab.advance(500)
    expect(notes).toHaveLength(MAX_PENDING_ECHOES)
    ping(peer)
  })
})

it('a group is answered by any of its members', () => {
  ping('ff02::1')
  const [sent] = sentPayloads(lab.takeSent(), 58)
  lab.deliver(icmpFrom(6, 129, 0, sent!.rest, [0, 1, 2, 3]))
  expect(notes[0]).toContain(`reply ${PEERS[6]}`)
})
