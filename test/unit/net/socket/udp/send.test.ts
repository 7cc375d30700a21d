/** What leaves a UDP socket, when it waits, and what ICMP errors do to it. */
import { beforeEach, describe, expect, it } from 'vitest'
import { ChecksumWork } from '../../../../../net/phy/offload.ts'
import type { TransmitRecord } from '../../../../../net/phy/transmit-record.ts'
import { DatagramSend } from '../../../../../net/socket/datagram/datagram-send.ts'
import { QUEUE_DATAGRAMS } from '../../../../../net/socket/datagram/datagram-socket.ts'
import type { OfferedDatagram, UdpSocket } from '../../../../../net/socket/udp/udp-socket.ts'
import { ALL_IN_SOFTWARE, FakeDevice } from '../../../../support/fake-device.ts'
import {
  arp,
  be32,
  checksumOf,
  concat,
  ethernet,
  icmpv4,
  icmpv6,
  ipv4,
  ipv6,
  pseudoHeader,
  udp,
} from '../../../../support/frames.ts'
import { four, six } from '../../../../support/hostile-corpus.ts'
import {
  address,
  GATEWAY_IPV4,
  OUR_IPV4,
  OUR_MAC,
  PEER_MAC,
} from '../../../../support/interface-harness.ts'
import {
  datagram,
  NotingHandler,
  OURS,
  PEERS,
  sentDatagrams,
  UdpLab,
  type Version,
} from '../../../../support/udp-lab.ts'

/** On the link, and never heard of. */
const STRANGER = '10.0.0.77'

let lab: UdpLab
let handler: NotingHandler
beforeEach(() => {
  lab = new UdpLab()
  handler = new NotingHandler()
})

const bytes = Uint8Array.from({ length: 2000 }, (_, index) => index & 0xff)

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const peer = address(PEERS[version])
  const largest = version === 4 ? 1472 : 1452

  it.each([0, 1, 2, 1471, largest])('%i bytes go out whole, with a right checksum', (length) => {
    if (length > largest) return
    const socket = lab.udp.open({ port: 4000, handler })
    expect(socket.send(peer, 5000, bytes, 3, length)).toBe(DatagramSend.Queued)
    const [sent, ...more] = sentDatagrams(lab.takeSent())
    expect(more).toEqual([])
    expect(sent).toMatchObject({ version, sourcePort: 4000, destinationPort: 5000 })
    expect(sent!.length).toBe(8 + length)
    expect(sent!.payload).toEqual([...bytes.subarray(3, 3 + length)])
    const pseudo = pseudoHeader(OURS[version], PEERS[version], 17, 8 + length)
    expect(checksumOf(concat(pseudo, sent!.udp))).toBe(0)
    expect(lab.udp.statistics).toMatchObject({ datagramsSent: 1, bytesSent: length })
  })

  it('one byte more than a packet carries goes in two fragments, one more than a datagram holds is refused', () => {
    const socket = lab.udp.open({ handler })
    expect(socket.send(peer, 5000, bytes, 0, largest + 1)).toBe(DatagramSend.Queued)
    expect(lab.takeSent()).toHaveLength(2)
    const most = version === 4 ? 65_507 : 65_527
    const tooMany = new Uint8Array(most + 1)
    expect(socket.send(peer, 5000, tooMany, 0, most + 1)).toBe(DatagramSend.TooLong)
    expect(lab.takeSent()).toEqual([])
    socket.configure({ fragmentation: 'never' })
    expect(socket.send(peer, 5000, bytes, 0, largest + 1)).toBe(DatagramSend.TooLong)
    expect(lab.takeSent()).toEqual([])
  })

  it('a device that computes checksums gets the seed and where it lies', () => {
    const checksum = { ...ALL_IN_SOFTWARE, udp: ChecksumWork.None }
    lab = new UdpLab(new FakeDevice({ checksum }))
    lab.udp.open({ port: 4000 }).send(peer, 5000, bytes, 0, 10)
    const [frame] = lab.takeSent()
    expect(frame!.meta).toMatchObject({
      checksumStart: version === 4 ? 34 : 54,
      checksumOffset: 6,
      segmentationOffloadSize: 0,
    })
    // Un-complemented, with the length in it.
    const pseudo = pseudoHeader(OURS[version], PEERS[version], 17, 18)
    expect(sentDatagrams([frame!])[0]!.checksum).toBe(~checksumOf(pseudo) & 0xffff)
  })

  it('an answer comes from the address that was asked, and a known peer costs no new flow', () => {
    const socket = lab.udp.open({ port: 7, handler })
    let flows = 0
    const { egress } = lab.host
    const openFlow = egress.openFlow.bind(egress)
    egress.openFlow = (...parameters) => {
      flows++
      return openFlow(...parameters)
    }
    for (let round = 0; round < 100; round++) {
      lab.deliver(datagram(version, [round]))
      const received = socket.peek()!
      expect(socket.reply(received.bytes, received.offset, received.length)).toBe(true)
      socket.consume()
      const [answer] = sentDatagrams(lab.takeSent())
      expect(answer).toMatchObject({ sourcePort: 7, destinationPort: 5000, payload: [round] })
    }
    expect(flows).toBe(1)
  })

  function errorAbout(
    kind: 'port' | 'network' | 'mtu',
    sourcePort: number,
    destinationPort = 5000,
  ): Uint8Array {
    const ends = { source: OURS[version], destination: PEERS[version] }
    const quoted = udp(ends.source, ends.destination, sourcePort, destinationPort, [1, 2, 3])
    if (version === 4) {
      const code = { port: 3, network: 0, mtu: 4 }[kind]
      const quote = ipv4({ ...ends, protocol: 17 }, quoted)
      return four({}, icmpv4(3, code, kind === 'mtu' ? 1280 : 0, quote))
    }
    const quote = ipv6({ ...ends, nextHeader: 17 }, quoted)
    const [type, code] = { port: [1, 4], network: [1, 0], mtu: [2, 0] }[kind] as [number, number]
    const body = concat(be32(kind === 'mtu' ? 1280 : 0), quote)
    return six({}, icmpv6(ends.destination, ends.source, type, code, body))
  }

  it('tells its user of ICMP errors, hard and soft, about peers it has sent to (RFC 1122 §4.1.3.3)', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    lab.deliver(errorAbout('port', 4000))
    expect(handler.errors).toEqual([])
    expect(lab.udp.statistics.errorsUnrelated).toBe(1)
    socket.send(peer, 5000, bytes, 0, 3)
    lab.takeSent()
    lab.deliver(errorAbout('port', 4001))
    expect(handler.errors).toEqual([])
    lab.deliver(errorAbout('port', 4000))
    lab.deliver(errorAbout('network', 4000))
    expect(handler.errors.map(({ kind }) => kind)).toEqual(['hard', 'soft'])
    expect(handler.errors[0]).toMatchObject({ destination: peer, destinationPort: 5000 })
    expect(lab.udp.statistics).toMatchObject({ errorsReceived: 2, errorsUnrelated: 2 })
  })

  it('a connected socket believes errors about its own peer’s port only', () => {
    const socket = lab.udp.open({ port: 4000, handler, remoteAddress: peer, remotePort: 5000 })
    socket.send(peer, 5000, bytes, 0, 3)
    lab.takeSent()
    lab.deliver(errorAbout('port', 4000, 5001))
    expect(handler.errors).toEqual([])
    lab.deliver(errorAbout('port', 4000))
    expect(handler.errors).toHaveLength(1)
  })

  it.each([
    ['a port that nothing was sent to', 5001],
    ['one that was sent to before five others', 5002],
  ])('believes no MTU that quotes %s (RFC 8085 §5.2)', (_what, port) => {
    const socket = lab.udp.open({ port: 4000, handler })
    for (const to of [5002, 5003, 5004, 5005, 5006, 5000]) socket.send(peer, to, bytes, 0, largest)
    lab.takeSent()
    lab.deliver(errorAbout('mtu', 4000, port))
    expect(lab.iface.counters.pathMtuLowered).toBe(0)
    expect(lab.udp.statistics.errorsUnrelated).toBe(1)
    lab.deliver(errorAbout('mtu', 4000, 5004))
    expect(lab.iface.counters.pathMtuLowered).toBe(1)
  })

  it('believes an MTU about a series that was cut by the device', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    socket.sendSegmented({ address: peer, port: 5000 }, bytes, 0, 1200, 600)
    lab.takeSent()
    lab.deliver(errorAbout('mtu', 4000))
    expect(lab.iface.counters.pathMtuLowered).toBe(1)
  })

  it('learns the path MTU and forgets it after ten minutes (RFC 1191 §6.3)', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    const limit = 1280 - (version === 4 ? 28 : 48)
    const packetsOf = (length: number): number => {
      expect(socket.send(peer, 5000, bytes, 0, length)).toBe(DatagramSend.Queued)
      // Questions about the peer are not counted.
      const isOfDatagram = (frame: Uint8Array) =>
        frame[version === 4 ? 23 : 20] !== 58 && frame[13] !== 6
      return lab.takeSent().filter(({ bytes: frame }) => isOfDatagram(frame)).length
    }
    expect(packetsOf(largest)).toBe(1)
    lab.deliver(errorAbout('mtu', 4000))
    expect(handler.errors).toEqual([])
    expect(packetsOf(limit)).toBe(1)
    expect(packetsOf(limit + 1)).toBe(2)
    lab.advance(599_000)
    expect(packetsOf(limit + 1)).toBe(2)
    lab.advance(1_001)
    expect(packetsOf(limit + 1)).toBe(1)
  })
})

it.each([0, 67, 500, 551])(
  'goes in packets of the floor and without DF on a path of MTU %i, which is below it (RFC 1191 §3)',
  (mtu) => {
    const socket = lab.udp.open({ port: 4000, handler })
    const largest = 1472
    const isWithDf = (): boolean[] => {
      expect(socket.send(address(PEERS[4]), 5000, bytes, 0, largest)).toBe(DatagramSend.Queued)
      const packets = lab.takeSent().filter(({ bytes: sent }) => sent[13] === 0)
      return packets.map(({ bytes: sent }) => (sent[20]! & 0x40) !== 0)
    }
    expect(isWithDf()).toEqual([true])
    const ends = { source: OURS[4], destination: PEERS[4] }
    const quote = ipv4(
      { ...ends, protocol: 17 },
      udp(ends.source, ends.destination, 4000, 5000, [1]),
    )
    lab.deliver(four({}, icmpv4(3, 4, mtu, quote)))
    expect(isWithDf()).toEqual([false, false, false])
    expect(lab.iface.counters.datagramsFragmented).toBe(1)
    lab.advance(600_001)
    expect(isWithDf()).toEqual([true])
  },
)

it('what has become too large for its path while it waited goes in fragments', () => {
  const socket = lab.udp.open({ port: 4000, handler })
  lab.device.room = 0
  const [large, small] = [1400, 1000]
  lab.device.room = 1
  socket.send(address(PEERS[4]), 5000, bytes, 0, 1)
  expect(lab.takeSent()).toHaveLength(1)
  lab.device.room = 0
  for (const length of [large, small]) socket.send(address(PEERS[4]), 5000, bytes, 0, length)
  lab.poll()
  const ends = { source: OURS[4], destination: PEERS[4] }
  const quote = ipv4({ ...ends, protocol: 17 }, udp(ends.source, ends.destination, 4000, 5000, [1]))
  lab.deliver(four({}, icmpv4(3, 4, 1280, quote)))
  lab.device.room = 10
  expect(lab.takeSent().map(({ bytes: frame }) => frame.length)).toEqual([1290, 186, 1042])
})

describe('a full device', () => {
  it('holds datagrams back, then the sender, and loses none', () => {
    const peer = address(PEERS[4])
    const socket = lab.udp.open({ port: 4000, handler })
    lab.device.room = 2
    let queued = 0
    while (socket.send(peer, 5000, Uint8Array.of(queued), 0, 1) === DatagramSend.Queued) queued++
    expect(queued).toBe(QUEUE_DATAGRAMS)
    const payloads = sentDatagrams(lab.takeSent()).map(({ payload }) => payload[0])
    expect(payloads).toEqual([0, 1])
    expect(handler.writable).toBe(0)
    lab.device.room = Number.POSITIVE_INFINITY
    payloads.push(...sentDatagrams(lab.takeSent()).map(({ payload }) => payload[0]))
    expect(payloads).toEqual(Array.from({ length: queued }, (_, index) => index & 0xff))
    expect(handler.writable).toBe(1)
    expect(socket.send(peer, 5000, bytes, 0, 1)).toBe(DatagramSend.Queued)
  })

  it('still gets what was queued before close', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    lab.device.room = 0
    socket.send(address(PEERS[4]), 5000, bytes, 0, 1)
    lab.poll()
    socket.close()
    expect(socket.send(address(PEERS[4]), 5000, bytes, 0, 1)).toBe(DatagramSend.Closed)
    lab.device.room = 5
    expect(sentDatagrams(lab.takeSent())).toHaveLength(1)
    expect(socket.sendQueue.isOpen).toBe(false)
  })
})

describe('a neighbor whose hardware address is not known', () => {
  const stranger = address(STRANGER)

  it('gets its datagrams once it has answered', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    for (let index = 0; index < 5; index++) socket.send(stranger, 5000, bytes, index, 1)
    expect(sentDatagrams(lab.takeSent())).toEqual([])
    const reply = arp(2, PEER_MAC, STRANGER, OUR_MAC, OUR_IPV4)
    const sent = lab.deliver(concat(ethernet(OUR_MAC, PEER_MAC, 0x806), reply))
    expect(sentDatagrams(sent).map(({ payload }) => payload)).toEqual([[0], [1], [2], [3], [4]])
  })

  it('does not hold up datagrams to others', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    socket.send(stranger, 5000, bytes, 1, 1)
    socket.send(address(PEERS[4]), 5000, bytes, 2, 1)
    socket.send(address(PEERS[6]), 5000, bytes, 3, 1)
    expect(sentDatagrams(lab.takeSent()).map(({ payload }) => payload)).toEqual([[2], [3]])
  })

  it('costs its sender room, but nobody else', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    while (socket.send(stranger, 5000, bytes, 0, 1) === DatagramSend.Queued);
    lab.poll()
    expect(socket.send(stranger, 5000, bytes, 0, 1)).toBe(DatagramSend.Full)
    expect(socket.send(address(PEERS[4]), 5000, bytes, 9, 1)).toBe(DatagramSend.Queued)
    expect(sentDatagrams(lab.takeSent()).map(({ payload }) => payload)).toEqual([[9]])
    expect(lab.udp.statistics.drops.unresolved).toBe(1)
  })

  it('that never answers makes room again, and the drops are counted', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    while (socket.send(stranger, 5000, bytes, 0, 1) === DatagramSend.Queued);
    for (let second = 0; second < 10; second++) lab.advance(1000)
    expect(sentDatagrams(lab.device.takeSent())).toEqual([])
    expect(lab.udp.statistics.drops.unreachable).toBe(QUEUE_DATAGRAMS)
    expect(handler.writable).toBe(1)
  })

  it('in great numbers costs a bounded number of attempts', () => {
    const socket = lab.udp.open({ port: 4000, handler })
    for (let host = 100; host < 200; host++) {
      socket.send(address(`10.0.0.${host}`), 5000, bytes, 0, 1)
    }
    lab.poll()
    expect(lab.udp.statistics.drops.unresolved).toBe(100 - 16)
  })
})

it('one full queue of a device that has several does not hold up the flows of the others', () => {
  /** A queue for each family. */
  class TwoQueues extends FakeDevice {
    isFull4 = false

    override submit(record: TransmitRecord): boolean {
      const isIpv4 = record.view.getUint16(12) === 0x800
      return !(this.isFull4 && isIpv4) && super.submit(record)
    }
  }
  const device = new TwoQueues({ hasTransmitQueues: true })
  lab = new UdpLab(device)
  const socket = lab.udp.open({ port: 4000, handler })
  device.isFull4 = true
  for (const [first, version] of ([4, 4, 6, 6] as const).entries()) {
    socket.send(address(PEERS[version]), 5000, bytes, first, 1)
  }
  expect(sentDatagrams(lab.takeSent()).map(({ payload }) => payload)).toEqual([[2], [3]])
  device.isFull4 = false
  expect(sentDatagrams(lab.takeSent()).map(({ payload }) => payload)).toEqual([[0], [1]])
})

it('nothing goes where no route leads, to nobody, or from the wrong family', () => {
  const socket = lab.udp.open({ port: 4000, address: address(OURS[4]), handler })
  expect(socket.send(address(PEERS[6]), 5000, bytes, 0, 1)).toBe(DatagramSend.Unreachable)
  expect(socket.send(address('0.0.0.0'), 5000, bytes, 0, 1)).toBe(DatagramSend.Unreachable)
  expect(socket.send(address(GATEWAY_IPV4), 5000, bytes, 0, 1)).toBe(DatagramSend.Queued)
  expect(() => socket.send(address(PEERS[4]), 0, bytes, 0, 1)).toThrow(RangeError)
  expect(() => socket.send(address(PEERS[4]), 65536, bytes, 0, 1)).toThrow(RangeError)
})

it('answers at once go with the settings of now, to a peer that was answered before them too', () => {
  const socket = lab.udp.open({
    port: 7,
    handler: Object.assign(handler, {
      offerDatagram: (to: UdpSocket, { bytes, offset, length }: OfferedDatagram) =>
        to.answer(bytes, offset, length),
    }),
  })
  const hopLimits = [64, 9].map((hopLimit) => {
    socket.configure({ hopLimit })
    const [sent] = lab.deliver(datagram(4, [1]))
    return sent!.bytes[22]
  })
  expect(hopLimits).toEqual([64, 9])
})

it('more peers than the cache holds are all answered', () => {
  const socket = lab.udp.open({ port: 7, handler })
  lab.iface.removeRoute({ address: address('0.0.0.0'), prefixLength: 0 }, address(GATEWAY_IPV4))
  const gateway = address(PEERS[4])
  lab.iface.addDefaultRoute(gateway)
  for (let round = 0; round < 2; round++) {
    for (let host = 1; host <= 200; host++) {
      const source = `192.0.2.${host}`
      lab.deliver(datagram(4 as Version, [host], { source }))
      const received = socket.peek()!
      socket.reply(received.bytes, received.offset, received.length)
      socket.consume()
      const [answer] = sentDatagrams(lab.takeSent())
      expect(answer).toMatchObject({ destination: [192, 0, 2, host], payload: [host] })
    }
  }
})
