/**
 * Hostile UDP, each kind with a valid twin that must be taken (RFC 768, RFC 1122 §4.1.3, RFC 8200
 * §8.1).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { UdpSocket } from '../../../../../net/socket/udp/udp-socket.ts'
import { be16, checksumOf, concat, mac, pseudoHeader } from '../../../../support/frames.ts'
import {
  carrying,
  datagram,
  message,
  OURS,
  PEERS,
  readAll,
  sentDatagrams,
  UdpLab,
  type Version,
} from '../../../../support/udp-lab.ts'

let lab: UdpLab
let socket: UdpSocket
beforeEach(() => {
  lab = new UdpLab()
  socket = lab.udp.open({ port: 7 })
})

function expectTwinTaken(version: Version): void {
  expect(lab.deliver(datagram(version, [7, 7]))).toEqual([])
  expect(readAll(socket)).toEqual([[7, 7]])
}

const withLength = (bytes: Uint8Array, length: number) =>
  concat(bytes.subarray(0, 4), be16(length), bytes.subarray(6))
const withoutChecksum = (bytes: Uint8Array) =>
  concat(bytes.subarray(0, 6), [0, 0], bytes.subarray(8))

describe.each([4, 6] as const)('over IPv%i', (version) => {
  it.each([
    ['77 shorter than a header', (bytes: Uint8Array) => bytes.subarray(0, 7)],
    ['77 with length 0', (bytes: Uint8Array) => withLength(bytes, 0)],
    ['77 with length 7', (bytes: Uint8Array) => withLength(bytes, 7)],
    ['78 longer than its packet (CVE-2021-31345)', (bytes: Uint8Array) => withLength(bytes, 13)],
    ['78 of 65535 bytes', (bytes: Uint8Array) => withLength(bytes, 0xffff)],
  ])('%s is dropped in silence', (_name, spoil) => {
    const before = lab.snapshot()
    const sent = lab.deliver(carrying(version, spoil(message(version, [1, 2, 3, 4]))))
    expect(sent).toEqual([])
    expect(lab.changes(before)).toEqual({ transportMalformed: 1 })
    expect(socket.receivedCount()).toBe(0)
    expectTwinTaken(version)
  })

  it.each([
    ['all stations', 'ff:ff:ff:ff:ff:ff'],
    ['a group of them', version === 4 ? '01:00:5e:00:00:01' : '33:33:00:00:00:01'],
  ])('to our address in a frame to %s is dropped in silence (RFC 1122 §3.3.6)', (_name, to) => {
    const before = lab.snapshot()
    const frame = concat(mac(to), datagram(version, [1, 2]).subarray(6))
    expect(lab.deliver(frame)).toEqual([])
    expect(lab.changes(before)).toEqual({ [`ipv${version}InGroupFrame`]: 1 })
    expect(socket.receivedCount()).toBe(0)
    expectTwinTaken(version)
  })

  it('79 shorter than its packet: the UDP length wins', () => {
    const bytes = message(version, [1, 2, 3])
    lab.deliver(carrying(version, concat(bytes, [0xee, 0xee, 0xee])))
    expect(readAll(socket)).toEqual([[1, 2, 3]])
  })

  it('80 with any one bit wrong is dropped in silence', () => {
    const bytes = message(version, [1, 2, 3, 4, 5])
    for (let index = 0; index < bytes.length; index++) {
      const copy = Uint8Array.from(bytes)
      copy[index]! ^= 1 << (index % 8)
      expect(lab.deliver(carrying(version, copy))).toEqual([])
    }
    expect(socket.receivedCount()).toBe(0)
    expectTwinTaken(version)
  })

  it('80 without a checksum is taken over IPv4 and dropped over IPv6', () => {
    lab.deliver(carrying(version, withoutChecksum(message(version, [1, 2]))))
    expect(readAll(socket)).toEqual(version === 4 ? [[1, 2]] : [])
    expectTwinTaken(version)
  })

  it('80 a checksum that computes to 0 is sent as FFFF, and taken as such', () => {
    // A payload word that makes the sum of everything FFFF, in the answer from our port 7 to the
    // peer's 5000.
    const length = 10
    const pseudo = pseudoHeader(OURS[version], PEERS[version], 17, length)
    const header = [...be16(7), ...be16(5000), ...be16(length), 0, 0]
    const filler = be16(checksumOf(concat(pseudo, header)))
    lab.deliver(datagram(version, [1, 2]))
    socket.peek()
    socket.reply(Uint8Array.from(filler), 0, 2)
    socket.consume()
    const [answer] = sentDatagrams(lab.takeSent())
    expect(answer).toMatchObject({ checksum: 0xffff, payload: filler })
    const back = message(version, filler)
    expect(back.subarray(6, 8)).toEqual(Uint8Array.of(0, 0))
    back.set([0xff, 0xff], 6)
    lab.deliver(carrying(version, back))
    expect(readAll(socket)).toEqual([filler])
  })

  it('81 to port 0 is dropped in silence; from port 0 it is taken but cannot be answered', () => {
    expect(lab.deliver(datagram(version, [1], { destinationPort: 0 }))).toEqual([])
    expect(lab.udp.statistics.drops.portZero).toBe(1)
    lab.deliver(datagram(version, [1], { sourcePort: 0 }))
    expect(socket.peek()).toMatchObject({ sourcePort: 0 })
    expect(socket.reply(Uint8Array.of(1), 0, 1)).toBe(true)
    socket.consume()
    expect(lab.takeSent()).toEqual([])
    expect(lab.udp.statistics.drops.unreachable).toBe(1)
    expectTwinTaken(version)
  })

  it('82 ten thousand to a closed port bring a bounded number of errors', () => {
    let errors = 0
    for (let count = 0; count < 10_000; count++) {
      const frame = datagram(version, [1], { destinationPort: 1000 + (count % 60_000) })
      errors += lab.deliver(frame).length
      if (count % 10 === 0) lab.nowMs++
    }
    expect(errors).toBeGreaterThan(10)
    // A second has passed: 50 at once and 100 a second.
    expect(errors).toBeLessThan(200)
    expect(lab.iface.counters.icmpErrorsSuppressed).toBeGreaterThan(9_000)
    expectTwinTaken(version)
  })

  it('82 that seems to come from this host itself is dropped, and nothing is ever sent to it', () => {
    const source = OURS[version]
    expect(lab.deliver(datagram(version, [1], { source, sourcePort: 7 }))).toEqual([])
    expect(socket.receivedCount()).toBe(0)
    expectTwinTaken(version)
  })
})

it('a flood fills a socket’s queue and no more, counts the rest, and starves no other socket', () => {
  const other = lab.udp.open({ port: 8 })
  const frame = datagram(4, new Array(1472).fill(1))
  for (let count = 0; count < 300; count++) lab.deliver(frame)
  const held = socket.receivedCount()
  expect(held).toBeGreaterThanOrEqual(88)
  expect(held).toBeLessThanOrEqual(89)
  expect(socket.receiveDrops).toBe(300 - held)
  expect(lab.udp.statistics.drops.receiveQueueFull).toBe(300 - held)
  expect(lab.udp.statistics.datagramsReceived).toBe(held)
  lab.deliver(datagram(4, [1], { destinationPort: 8 }))
  expect(readAll(other)).toEqual([[1]])
  socket.consume()
  lab.deliver(frame)
  expect(socket.receivedCount()).toBe(held)
  readAll(socket)
  // Empty ones count too.
  for (let count = 0; count < 300; count++) lab.deliver(datagram(6, []))
  expect(socket.receivedCount()).toBe(256)
})
