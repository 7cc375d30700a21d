/**
 * Sockets of IP protocols by their number: which packets they get, what leaves, and which protocols
 * stay the stack's.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { DatagramSend } from '../../../../../net/socket/datagram/datagram-send.ts'
import { MAX_RAW_SOCKETS } from '../../../../../net/socket/raw/raw-protocol.ts'
import type { RawSocket } from '../../../../../net/socket/raw/raw-socket.ts'
import {
  IcmpLab,
  icmpFrom,
  isIcmpChecksumGood,
  packetOf,
  sentPayloads,
} from '../../../../support/icmp-lab.ts'
import { address } from '../../../../support/interface-harness.ts'
import { OURS, PEERS } from '../../../../support/udp-lab.ts'

/** RFC 3692: for experimentation. */
const EXPERIMENT = 253

let lab: IcmpLab
beforeEach(() => {
  lab = new IcmpLab()
})

function open(protocol: number, options: Parameters<IcmpLab['protocols']['openRaw']>[1] = {}) {
  return lab.protocols.openRaw(protocol, options, lab.nowMs)
}

function readAll(socket: RawSocket): number[][] {
  const payloads: number[][] = []
  for (let next = socket.peek(); next !== null; next = socket.peek()) {
    payloads.push([...next.bytes.subarray(next.offset, next.offset + next.length)])
    socket.consume()
  }
  return payloads
}

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const peer = address(PEERS[version])

  it('every socket of a protocol gets each of its packets, with what the header says', () => {
    const events: string[] = []
    const handler = { onReadable: () => events.push('readable') }
    const sockets = [open(EXPERIMENT, { handler }), open(EXPERIMENT)]
    const fields = { hopLimit: 9, trafficClass: 0xb8 }
    expect(lab.deliver(packetOf(version, EXPERIMENT, [1, 2, 3], fields))).toEqual([])
    expect(sockets[0]!.peek()).toMatchObject({ ...fields, sourcePort: 0, toGroup: false })
    expect(sockets[0]!.peek()!.source).toEqual(peer)
    expect(sockets[0]!.peek()!.destination).toEqual(address(OURS[version]))
    expect(sockets.map(readAll)).toEqual([[[1, 2, 3]], [[1, 2, 3]]])
    expect(events).toEqual(['readable'])
  })

  it('a socket of one family or address gets only those; what nobody wants is answered protocol unreachable', () => {
    const other = version === 4 ? 6 : 4
    open(EXPERIMENT, { address: address(other === 4 ? '0.0.0.0' : '::') })
    const from = open(EXPERIMENT, {
      remoteAddress: address(version === 4 ? '10.0.0.8' : '2001:db8::8'),
    })
    const [answer] = lab.deliver(packetOf(version, EXPERIMENT, [1]))
    const icmp = version === 4 ? 34 : 54
    // RFC 1122 §3.2.2.1, RFC 4443 §3.4.
    expect([...answer!.bytes.subarray(icmp, icmp + 2)]).toEqual(version === 4 ? [3, 2] : [4, 1])
    expect(readAll(from)).toEqual([])
    open(EXPERIMENT, { address: address(OURS[version]) })
    expect(lab.deliver(packetOf(version, EXPERIMENT, [1]))).toEqual([])
  })

  it('what is sent has an IP header of the stack, and nothing is asked of the device', () => {
    const socket = open(EXPERIMENT, { settings: { hopLimit: 3 } })
    expect(socket.send(peer, Uint8Array.of(9, 8, 7), 1, 2)).toBe(DatagramSend.Queued)
    expect(socket.send(peer, new Uint8Array(0), 0, 0)).toBe(DatagramSend.Queued)
    const sent = sentPayloads(lab.takeSent(), EXPERIMENT)
    expect(sent.map(({ payload }) => payload)).toEqual([[8, 7], []])
    expect(sent[0]).toMatchObject({ hopLimit: 3, isOffloaded: false, isHeaderGood: true })
    const largest = version === 4 ? 1480 : 1460
    expect(socket.send(peer, new Uint8Array(largest), 0, largest)).toBe(DatagramSend.Queued)
    expect(sentPayloads(lab.takeSent(), EXPERIMENT)).toHaveLength(1)
    const long = new Uint8Array(2000)
    expect(socket.send(peer, long, 0, largest + 1)).toBe(DatagramSend.Queued)
    expect(lab.takeSent()).toHaveLength(2)
    socket.configure({ fragmentation: 'never' })
    expect(socket.send(peer, long, 0, largest + 1)).toBe(DatagramSend.TooLong)
  })

  it('of ICMP it gets what the stack does not handle, and its messages get their checksum', () => {
    const protocol = version === 4 ? 1 : 58
    const socket = open(protocol)
    // An echo request is answered by the stack; a timestamp request and a private experiment are
    // for nobody.
    const request = version === 4 ? 8 : 128
    const unknown = version === 4 ? 13 : 200
    expect(lab.deliver(icmpFrom(version, request, 0, 7, [1]))).toHaveLength(1)
    expect(lab.deliver(icmpFrom(version, unknown, 0, 7, [1, 2]))).toEqual([])
    const payloads = readAll(socket)
    expect(payloads).toHaveLength(1)
    expect([payloads[0]![0], payloads[0]!.slice(8)]).toEqual([unknown, [1, 2]])
    const message = Uint8Array.of(unknown, 0, 0xff, 0xff, 0, 0, 0, 7, 1)
    expect(socket.send(peer, message, 0, message.length)).toBe(DatagramSend.Queued)
    const [sent] = sentPayloads(lab.takeSent(), protocol)
    expect(isIcmpChecksumGood(version, sent!.payload)).toBe(true)
    expect(sent!.payload[0]).toBe(unknown)
    expect(() => socket.send(peer, message, 0, 7)).toThrow(RangeError)
  })

  it('hears a group that it has joined', () => {
    const socket = open(EXPERIMENT)
    const group = version === 4 ? '224.0.0.251' : 'ff02::fb'
    const fields = { destination: group }
    lab.deliver(packetOf(version, EXPERIMENT, [1], fields))
    socket.joinGroup(address(group))
    lab.deliver(packetOf(version, EXPERIMENT, [2], fields))
    expect(readAll(socket)).toEqual([[2]])
  })

  it('is told of errors about what it has sent', () => {
    const errors: string[] = []
    const handler = {
      onReadable: () => {},
      onError: (_socket: RawSocket, error: { kind: string }) => errors.push(error.kind),
    }
    const socket = open(EXPERIMENT, { handler })
    socket.send(peer, new Uint8Array(8), 0, 8)
    const [sent] = sentPayloads(lab.takeSent(), EXPERIMENT)
    const [type, code] = version === 4 ? [3, 2] : [4, 1]
    lab.deliver(icmpFrom(version, type!, code!, 0, sent!.packet))
    expect(errors).toEqual(['hard'])
  })
})

it.each([0, 2, 6, 17, 43, 44, 59, 60])('protocol %i is the stack’s own', (protocol) => {
  expect(() => open(protocol)).toThrow(RangeError)
})

it.each([-1, 255, 1.5])('%d is no protocol', (protocol) => {
  expect(() => open(protocol)).toThrow(RangeError)
})

it('a protocol that nobody uses any more is unknown again, after what was queued has left', () => {
  const socket = open(EXPERIMENT)
  lab.device.room = 0
  socket.send(address(PEERS[4]), Uint8Array.of(1), 0, 1)
  lab.poll()
  socket.close()
  lab.poll()
  lab.device.room = 5
  expect(sentPayloads(lab.takeSent(), EXPERIMENT)).toHaveLength(1)
  const before = lab.snapshot()
  lab.deliver(packetOf(4, EXPERIMENT, [1]))
  expect(lab.changes(before)).toMatchObject({ transportUnknown: 1 })
  expect(socket.send(address(PEERS[4]), Uint8Array.of(1), 0, 1)).toBe(DatagramSend.Closed)
})

it('has a bounded number of sockets, and a queue that floods do not outgrow', () => {
  const sockets = Array.from({ length: MAX_RAW_SOCKETS }, () => open(EXPERIMENT))
  expect(() => open(EXPERIMENT)).toThrow(expect.objectContaining({ code: 'exhausted' }))
  for (let count = 0; count < 300; count++) lab.deliver(packetOf(4, EXPERIMENT, [count & 255]))
  expect(sockets[0]!.receivedCount()).toBe(256)
  expect(sockets[0]!.receiveDrops).toBe(44)
})
