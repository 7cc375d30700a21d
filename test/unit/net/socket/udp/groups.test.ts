/**
 * Groups, broadcasts, settings and metadata of UDP sockets, and which of several sockets of a port
 * gets what.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { NO_SOURCES } from '../../../../../net/iface/source-filter.ts'
import { DatagramSend } from '../../../../../net/socket/datagram/datagram-send.ts'
import { QUEUE_BYTES, QUEUE_DATAGRAMS } from '../../../../../net/socket/datagram/datagram-socket.ts'
import { MAX_SOCKET_GROUPS } from '../../../../../net/socket/datagram/group-filters.ts'
import { MAX_QUEUE_MEMORY_BYTES } from '../../../../../net/socket/datagram/queue-memory.ts'
import { FakeDevice } from '../../../../support/fake-device.ts'
import { address, BROADCAST_MAC } from '../../../../support/interface-harness.ts'
import { reportsDuring, texts } from '../../../../support/membership-lab.ts'
import {
  datagram,
  groupMac,
  message,
  NotingHandler,
  OURS,
  PEERS,
  payloadOf,
  readAll,
  sentDatagrams,
  UdpLab,
  withFields,
} from '../../../../support/udp-lab.ts'

const GROUPS = { 4: '239.1.2.3', 6: 'ff05::1234' } as const
const ALL = { 4: '224.0.0.1', 6: 'ff02::1' } as const
const OTHERS = { 4: '10.0.0.8', 6: '2001:db8::8' } as const

let lab: UdpLab
beforeEach(() => {
  lab = new UdpLab()
})

const send = Uint8Array.of(1, 2, 3)

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const group = address(GROUPS[version])
  const toGroup = (payload: number[], destination: string = GROUPS[version], source?: string) =>
    lab.deliver(
      datagram(version, payload, {
        destination,
        destinationMac: groupMac(destination),
        ...(source === undefined ? {} : { source }),
      }),
    )

  it('a socket hears the groups it has joined, and no other has joined for it (RFC 3376 §3.1)', () => {
    const socket = lab.udp.open({ port: 7 })
    const other = lab.udp.open({ port: 8 })
    other.joinGroup(group)
    lab.takeSent()
    expect(toGroup([1])).toEqual([])
    expect(socket.peek()).toBeNull()
    expect(lab.udp.statistics.drops).toMatchObject({ notJoined: 1, noSocket: 0 })
    socket.joinGroup(group)
    toGroup([2])
    expect(socket.peek()).toMatchObject({ toGroup: true, sourcePort: 5000 })
    expect(socket.peek()!.destination).toEqual(group)
    socket.leaveGroup(group)
    toGroup([3])
    expect(readAll(socket)).toEqual([[2]])
  })

  it('what is sent to all hosts reaches every socket of the port', () => {
    const socket = lab.udp.open({ port: 7 })
    toGroup([1], ALL[version])
    expect(readAll(socket)).toEqual([[1]])
  })

  it('a group that the interface itself is in is heard by all', () => {
    lab.iface.joinGroup(group, lab.nowMs)
    const socket = lab.udp.open({ port: 7 })
    toGroup([1])
    expect(readAll(socket)).toEqual([[1]])
  })

  it('each of two sockets gets from the sources that it wants (RFC 3376 §3.1)', () => {
    const wanted = { isExclude: false, sources: [address(PEERS[version])] }
    const unwanted = { isExclude: true, sources: [address(PEERS[version])] }
    const one = lab.udp.open({ port: 7, isShared: true })
    const two = lab.udp.open({ port: 7, isShared: true })
    one.joinGroup(group, wanted)
    two.joinGroup(group, unwanted)
    toGroup([1])
    toGroup([2], GROUPS[version], OTHERS[version])
    expect([readAll(one), readAll(two)]).toEqual([[[1]], [[2]]])
    two.joinGroup(group)
    toGroup([3])
    expect([readAll(one), readAll(two)]).toEqual([[[3]], [[3]]])
    expect(() =>
      one.joinGroup(group, { isExclude: false, sources: [address(OTHERS[version === 4 ? 6 : 4])] }),
    ).toThrow('another family')
  })

  it('routers hear of joins, of sources, and of the end that a close is', () => {
    reportsDuring(lab, 5_000)
    const told = () =>
      texts(reportsDuring(lab, 3_000)).filter((text) => text.includes(GROUPS[version]))
    const socket = lab.udp.open({ port: 7 })
    socket.joinGroup(group, { isExclude: false, sources: [address(PEERS[version])] })
    const change = `${GROUPS[version]} from ${PEERS[version]}`
    expect(told()).toEqual([`allow ${change}`, `allow ${change}`])
    socket.close()
    expect(told()).toEqual([`block ${change}`, `block ${change}`])
    socket.joinGroup(group)
    expect(told()).toEqual([])
  })

  it('what is sent to a group stays on the link, and comes back to who listens here (RFC 1112 §6.1)', () => {
    const listener = lab.udp.open({ port: 7 })
    const deaf = lab.udp.open({ port: 8 })
    listener.joinGroup(group)
    const sender = lab.udp.open({ port: 4000 })
    expect(sender.send(group, 7, send, 0, 3)).toBe(DatagramSend.Queued)
    const [sent] = sentDatagrams(lab.takeSent())
    expect(sent).toMatchObject({
      hopLimit: 1,
      payload: [1, 2, 3],
      hardware: groupMac(GROUPS[version]),
    })
    const received = listener.peek()!
    expect(received).toMatchObject({ sourcePort: 4000, toGroup: true, hopLimit: 1 })
    expect(received.source).toEqual(address(OURS[version]))
    expect(received.destination).toEqual(group)
    expect(readAll(listener)).toEqual([[1, 2, 3]])
    expect(deaf.receivedCount()).toBe(0)
    sender.configure({ loopback: false, groupHopLimit: 9 })
    sender.send(group, 7, send, 0, 1)
    expect(sentDatagrams(lab.takeSent())[0]).toMatchObject({ hopLimit: 9, payload: [1] })
    expect(listener.receivedCount()).toBe(0)
  })

  it('each datagram says what was left of its hop limit, and its traffic class', () => {
    const socket = lab.udp.open({ port: 7 })
    const bytes = message(version, [1])
    for (const [hopLimit, trafficClass] of [
      [255, 0],
      [1, 0xb9],
      [77, 2],
      // Recognized by what it has in common with the last one.
      [78, 2],
    ] as const) {
      lab.deliver(withFields(version, bytes, { hopLimit, trafficClass }))
      expect(socket.peek()).toMatchObject({ hopLimit, trafficClass })
      socket.consume()
    }
  })

  it('settings are those of the packets sent from then on', () => {
    const peer = address(PEERS[version])
    const settings = { hopLimit: 9, trafficClass: 0xb8, fragmentation: 'anywhere' } as const
    const socket = lab.udp.open({ port: 4000, settings })
    socket.send(peer, 9, send, 0, 1)
    const dontFragment = version === 4 ? false : undefined
    const fields = { hopLimit: 9, trafficClass: 0xb8, dontFragment, isHeaderGood: true }
    expect(sentDatagrams(lab.takeSent())[0]).toMatchObject(fields)
    socket.configure({ hopLimit: 200, trafficClass: 1, fragmentation: 'never' })
    socket.send(peer, 9, send, 0, 1)
    expect(sentDatagrams(lab.takeSent())[0]).toMatchObject({
      ...{ hopLimit: 200, trafficClass: 1, isHeaderGood: true },
      dontFragment: version === 4 ? true : undefined,
    })
    for (const wrong of [{ hopLimit: 0 }, { groupHopLimit: 256 }, { trafficClass: -1 }]) {
      expect(() => socket.configure(wrong)).toThrow(RangeError)
    }
  })
})

describe('broadcasts', () => {
  it.each(['255.255.255.255', '10.0.0.255'])('to %s must be asked for', (destination) => {
    const socket = lab.udp.open({ port: 4000 })
    expect(socket.send(address(destination), 9, send, 0, 1)).toBe(DatagramSend.NotPermitted)
    expect(lab.takeSent()).toEqual([])
    socket.configure({ broadcast: true })
    expect(socket.send(address(destination), 9, send, 0, 1)).toBe(DatagramSend.Queued)
    expect(sentDatagrams(lab.takeSent())[0]).toMatchObject({
      hardware: BROADCAST_MAC,
      payload: [1],
    })
  })

  it('reach every socket of the port that shares it', () => {
    const sockets = [1, 2, 3].map(() => lab.udp.open({ port: 7, isShared: true }))
    lab.deliver(datagram(4, [9], { destination: '10.0.0.255', destinationMac: BROADCAST_MAC }))
    expect(sockets.map(readAll)).toEqual([[[9]], [[9]], [[9]]])
  })
})

describe('a shared port', () => {
  it('is shared only by those who all say so', () => {
    const inUse = expect.objectContaining({ code: 'address-in-use' })
    lab.udp.open({ port: 7, isShared: true })
    expect(() => lab.udp.open({ port: 7 })).toThrow(inUse)
    lab.udp.open({ port: 8 })
    expect(() => lab.udp.open({ port: 8, isShared: true })).toThrow(inUse)
  })

  it('gives a datagram to one host to whose addresses fit closest, among equals to the oldest', () => {
    const isShared = true
    const any = lab.udp.open({ port: 7, isShared })
    const ours = lab.udp.open({ port: 7, isShared, address: address(OURS[4]) })
    const family = lab.udp.open({ port: 7, isShared, address: address('0.0.0.0') })
    const peer = lab.udp.open({
      ...{ port: 7, isShared, remoteAddress: address(PEERS[4]), remotePort: 5000 },
    })
    const younger = lab.udp.open({ port: 7, isShared, address: address(OURS[4]) })
    lab.deliver(datagram(4, [1]))
    lab.deliver(datagram(4, [2], { sourcePort: 5001 }))
    ours.close()
    lab.deliver(datagram(4, [3], { sourcePort: 5001 }))
    younger.close()
    lab.deliver(datagram(4, [4], { sourcePort: 5001 }))
    lab.deliver(datagram(6, [5]))
    expect([any, family, peer].map(readAll)).toEqual([[[5]], [[4]], [[1]]])
  })
})

describe('limits', () => {
  it('a socket is in a bounded number of groups', () => {
    const socket = lab.udp.open({ port: 7 })
    for (let last = 1; last <= MAX_SOCKET_GROUPS; last++) {
      socket.joinGroup(address(`239.0.0.${last}`))
    }
    expect(() => socket.joinGroup(address('239.0.1.0'))).toThrow(RangeError)
    socket.joinGroup(address('239.0.0.1'), NO_SOURCES)
    expect(() => socket.joinGroup(address('10.0.0.1'))).toThrow('no group')
    socket.joinGroup(address('239.0.1.0'))
  })

  it('queues of all sockets share one memory; empty ones give theirs back when it is short', () => {
    const queueBytes = MAX_QUEUE_MEMORY_BYTES / 4
    const sockets = [7, 8, 9, 10, 11].map((port) => lab.udp.open({ port, queueBytes }))
    for (const port of [7, 8, 9, 10, 11])
      lab.deliver(datagram(4, [port], { destinationPort: port }))
    expect(sockets.map((socket) => socket.receivedCount())).toEqual([1, 1, 1, 1, 0])
    expect(lab.udp.statistics.drops.receiveQueueFull).toBe(1)
    // The other direction needs memory, too.
    expect(sockets[4]!.send(address(PEERS[4]), 9, send, 0, 1)).toBe(DatagramSend.NoMemory)
    expect(payloadOf(sockets[0]!.peek()!)).toEqual([7])
    sockets[0]!.consume()
    lab.deliver(datagram(4, [11], { destinationPort: 11 }))
    expect(readAll(sockets[4]!)).toEqual([[11]])
    for (const socket of sockets) socket.close()
    expect(lab.udp.memory.usedBytes).toBe(0)
  })

  it('a flood to one socket that nobody reads locks no other out', () => {
    const flooded = lab.udp.open({ port: 7 })
    const other = lab.udp.open({ port: 8 })
    for (let count = 0; count < 2_000; count++) lab.deliver(datagram(4, [1]))
    lab.deliver(datagram(4, [8], { destinationPort: 8 }))
    expect(readAll(other)).toEqual([[8]])
    expect(flooded.receivedCount()).toBe(QUEUE_DATAGRAMS)
    expect(flooded.receiveDrops).toBe(2_000 - QUEUE_DATAGRAMS)
    expect(lab.udp.memory.usedBytes).toBe(2 * QUEUE_BYTES)
  })

  it('a socket that sends without end leaves room for others in a device that takes little', () => {
    const device = new FakeDevice()
    lab = new UdpLab(device)
    device.room = 0
    const greedy = new NotingHandler()
    const flood = lab.udp.open({ port: 4000, handler: greedy })
    const modest = lab.udp.open({ port: 4001 })
    const peer = address(PEERS[4])
    while (flood.send(peer, 9, send, 0, 1) === DatagramSend.Queued);
    for (let count = 0; count < 8; count++) modest.send(peer, 9, send, 0, 2)
    let fromModest = 0
    for (let turn = 0; turn < 16; turn++) {
      device.room = 4
      lab.advance(1)
      while (flood.send(peer, 9, send, 0, 1) === DatagramSend.Queued);
      fromModest += sentDatagrams(device.takeSent()).filter(
        ({ sourcePort }) => sourcePort === 4001,
      ).length
    }
    expect(fromModest).toBe(8)
  })
})

it('a frame of our own that somebody sends back is not heard twice', () => {
  const socket = lab.udp.open({ port: 7 })
  socket.joinGroup(address(GROUPS[4]))
  const fields = { destination: GROUPS[4], destinationMac: groupMac(GROUPS[4]), source: OURS[4] }
  lab.deliver(datagram(4, [1], fields))
  expect(socket.receivedCount()).toBe(0)
})

describe('a group of an interface alone (RFC 4291 §2.7)', () => {
  it.each([
    ['of scope 0', 'ff00::77'],
    ['of scope 1 (erratum 3480)', 'ff01::77'],
    ['of all nodes of the interface', 'ff01::1'],
  ])('%s is not heard from a link, joined or not, and not answered', (_, destination) => {
    const socket = lab.udp.open({ port: 7 })
    socket.joinGroup(address(destination))
    lab.takeSent()
    const fields = { destination, destinationMac: groupMac(destination) }
    expect(lab.deliver(datagram(6, [1], fields))).toEqual([])
    expect(lab.deliver(datagram(6, [1], { ...fields, destinationPort: 9 }))).toEqual([])
    expect(socket.receivedCount()).toBe(0)
  })

  it('is for those who listen here, whatever the length, and reaches no link', () => {
    const destination = address('ff01::77')
    const listener = lab.udp.open({ port: 7 })
    listener.joinGroup(destination)
    const sender = lab.udp.open({ port: 4000 })
    lab.takeSent()
    for (const length of [3, 4000]) {
      const bytes = new Uint8Array(length).fill(length)
      expect(sender.send(destination, 7, bytes, 0, length)).toBe(DatagramSend.Queued)
      lab.advance(10)
      expect(lab.takeSent()).toEqual([])
      expect(readAll(listener)).toEqual([[...bytes]])
    }
    // "Nodes must not originate a packet" of scope 0.
    expect(sender.send(address('ff00::77'), 7, send, 0, 1)).toBe(DatagramSend.Unreachable)
  })
})
