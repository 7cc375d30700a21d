/**
 * Which socket gets a datagram, who may have which port, and what becomes of datagrams that nobody
 * wants.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { address, BROADCAST_MAC, OUR_LINK_LOCAL } from '../../../../support/interface-harness.ts'
import {
  datagram,
  NotingHandler,
  OURS,
  PEERS,
  readAll,
  sentDatagrams,
  UdpLab,
} from '../../../../support/udp-lab.ts'

let lab: UdpLab
beforeEach(() => {
  lab = new UdpLab()
})

describe.each([4, 6] as const)('over IPv%i', (version) => {
  it('a datagram reaches the socket of its port, whole, with both addresses', () => {
    const handler = new NotingHandler()
    const socket = lab.udp.open({ port: 7, handler })
    const other = lab.udp.open({ port: 8 })
    const sent = lab.deliver(datagram(version, [1, 2, 3]), {}, [version === 4 ? 43 : 63, 1])
    expect(sent).toEqual([])
    expect(handler.readable).toBe(1)
    expect(other.receivedCount()).toBe(0)
    const received = socket.peek()!
    expect(received).toMatchObject({ sourcePort: 5000, toGroup: false })
    expect(received.source).toEqual(address(PEERS[version]))
    expect(received.destination).toEqual(address(OURS[version]))
    expect(readAll(socket)).toEqual([[1, 2, 3]])
    expect(socket.peek()).toBeNull()
  })

  it('an empty datagram is one', () => {
    const socket = lab.udp.open({ port: 7 })
    lab.deliver(datagram(version, []))
    lab.deliver(datagram(version, []))
    expect(readAll(socket)).toEqual([[], []])
  })

  it('nobody’s port is answered with port unreachable, which quotes the datagram (RFC 1122 §4.1.3.1)', () => {
    lab.udp.open({ port: 7 })
    const frame = datagram(version, [1, 2, 3], { destinationPort: 9 })
    const [answer, ...more] = lab.deliver(frame)
    expect(more).toEqual([])
    const icmp = version === 4 ? 34 : 54
    expect([...answer!.bytes.subarray(icmp, icmp + 2)]).toEqual(version === 4 ? [3, 3] : [1, 4])
    expect(answer!.bytes.subarray(icmp + 8)).toEqual(frame.subarray(14))
    expect(lab.udp.statistics.drops.noSocket).toBe(1)
  })

  it('a closed port is nobody’s again', () => {
    lab.udp.open({ port: 7 }).close()
    expect(lab.deliver(datagram(version, [1]))).toHaveLength(1)
    const socket = lab.udp.open({ port: 7 })
    expect(lab.deliver(datagram(version, [2]))).toEqual([])
    expect(readAll(socket)).toEqual([[2]])
  })

  it('a socket bound to an address hears only what was sent there', () => {
    const socket = lab.udp.open({ port: 7, address: address(OURS[version]) })
    lab.deliver(datagram(version, [1]))
    const otherVersion = version === 4 ? 6 : 4
    expect(lab.deliver(datagram(otherVersion, [2]))).toHaveLength(1)
    if (version === 6) lab.deliver(datagram(6, [3], { destination: OUR_LINK_LOCAL }))
    expect(readAll(socket)).toEqual([[1]])
  })

  it('a socket of a family’s unspecified address hears all of that family', () => {
    const socket = lab.udp.open({ port: 7, address: address(version === 4 ? '0.0.0.0' : '::') })
    lab.deliver(datagram(4, [4]))
    lab.deliver(datagram(6, [6]))
    if (version === 6) lab.deliver(datagram(6, [66], { destination: OUR_LINK_LOCAL }))
    expect(readAll(socket)).toEqual(version === 4 ? [[4]] : [[6], [66]])
  })

  it('a connected socket hears its peer only (RFC 1122 §4.1.3.5)', () => {
    const remoteAddress = address(PEERS[version])
    const socket = lab.udp.open({ port: 7, remoteAddress, remotePort: 5000 })
    lab.deliver(datagram(version, [1]))
    expect(lab.deliver(datagram(version, [2], { sourcePort: 5001 }))).toHaveLength(1)
    const source = version === 4 ? '10.0.0.10' : '2001:db8::10'
    lab.deliver(datagram(version, [3], { source }))
    expect(readAll(socket)).toEqual([[1]])
  })
})

it('a broadcast reaches a wildcard socket marked as such, and nobody is told of an unwanted one', () => {
  const toAll = { destination: '255.255.255.255', destinationMac: BROADCAST_MAC }
  expect(lab.deliver(datagram(4, [1], toAll))).toEqual([])
  expect(lab.udp.statistics.drops.noSocket).toBe(1)
  const socket = lab.udp.open({ port: 7 })
  lab.deliver(datagram(4, [1], toAll))
  expect(socket.peek()).toMatchObject({ toGroup: true })
  // The answer comes from an address of ours, not from the group's.
  expect(socket.reply(Uint8Array.of(9), 0, 1)).toBe(true)
  const [answer] = sentDatagrams(lab.takeSent())
  expect(answer).toMatchObject({ source: [10, 0, 0, 2], destination: [10, 0, 0, 9] })
})

describe('ports', () => {
  it('two sockets never compete for a datagram', () => {
    const inUse = expect.objectContaining({ name: 'NetError', code: 'address-in-use' })
    const [ours4, ours6] = [address(OURS[4]), address(OURS[6])]
    lab.udp.open({ port: 7, address: ours4 })
    expect(() => lab.udp.open({ port: 7 })).toThrow(inUse)
    expect(() => lab.udp.open({ port: 7, address: ours4 })).toThrow(inUse)
    expect(() => lab.udp.open({ port: 7, address: address('0.0.0.0') })).toThrow(inUse)
    const second = lab.udp.open({ port: 7, address: ours6 })
    const third = lab.udp.open({ port: 7, address: address('10.0.0.3') })
    expect(lab.udp.socketCount).toBe(3)
    second.close()
    second.close()
    expect(lab.udp.socketCount).toBe(2)
    lab.udp.open({ port: 7, address: ours6 }).close()
    third.close()
    const left = lab.udp.open({ port: 8, remoteAddress: address(PEERS[4]), remotePort: 1 })
    const right = lab.udp.open({ port: 8, remoteAddress: address(PEERS[4]), remotePort: 2 })
    expect(() => lab.udp.open({ port: 8 })).toThrow(inUse)
    expect(() =>
      lab.udp.open({ port: 8, remoteAddress: address(PEERS[4]), remotePort: 2 }),
    ).toThrow(inUse)
    lab.deliver(datagram(4, [1], { sourcePort: 1, destinationPort: 8 }))
    lab.deliver(datagram(4, [2], { sourcePort: 2, destinationPort: 8 }))
    expect([readAll(left), readAll(right)]).toEqual([[[1]], [[2]]])
  })

  it.each([-1, 65536, 1.5, Number.NaN])('%d is refused', (port) => {
    expect(() => lab.udp.open({ port })).toThrow(RangeError)
  })

  it('chosen for the app are spread over the whole range and never sequential (RFC 6056)', () => {
    const ports = Array.from({ length: 1000 }, () => lab.udp.open({}).localPort)
    expect(new Set(ports).size).toBe(1000)
    expect(Math.min(...ports)).toBeGreaterThanOrEqual(1024)
    expect(Math.min(...ports)).toBeLessThan(3000)
    expect(Math.max(...ports)).toBeGreaterThan(63_000)
    const steps = ports.slice(1).filter((port, index) => Math.abs(port - ports[index]!) === 1)
    expect(steps.length).toBeLessThan(5)
  })
})
