/**
 * What a turn takes in of a flood: TCP all of it, datagrams their share, whether or not the device
 * can look ahead.
 */
import { describe, expect, it } from 'vitest'
import { INGRESS_BATCH } from '../../../../net/iface/ingress-budget.ts'
import { MAX_AWAITED_A_TURN, MIN_DATAGRAMS_A_TURN } from '../../../../net/iface/intake.ts'
import type { ReceivedFrame } from '../../../../net/phy/net-device.ts'
import { DhcpLab } from '../../../support/dhcp-lab.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { FarSightedDevice } from '../../../support/far-sighted-device.ts'
import { icmpv4, icmpv6, ipv4, ipv6, tcp, udp } from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import { InterfaceHarness, RecordingHandler } from '../../../support/interface-harness.ts'
import { UdpLab } from '../../../support/udp-lab.ts'

const PATIENT_TURNS = 16

const { OUR_IPV4, OUR_IPV6, PEER_IPV4, PEER_IPV6 } = lab
const four = { source: PEER_IPV4, destination: OUR_IPV4 }
const six = { source: PEER_IPV6, destination: OUR_IPV6 }
const payload = new Uint8Array(30)

const UNASKED = {
  'UDP over IPv4': lab.fromPeer(
    0x800,
    ipv4({ ...four, protocol: 17 }, udp(PEER_IPV4, OUR_IPV4, 4000, 9, payload)),
  ),
  'UDP over IPv6': lab.fromPeer(
    0x86dd,
    ipv6({ ...six, nextHeader: 17 }, udp(PEER_IPV6, OUR_IPV6, 4000, 9, payload)),
  ),
  'fragments of UDP': lab.fromPeer(
    0x800,
    ipv4({ ...four, protocol: 17, flagsAndOffset: 0x2001 }, new Uint8Array(32)),
  ),
  pings: lab.fromPeer(0x800, ipv4({ ...four, protocol: 1 }, icmpv4(8, 0, 1, payload))),
  'pings over IPv6': lab.fromPeer(
    0x86dd,
    ipv6({ ...six, nextHeader: 58 }, icmpv6(PEER_IPV6, OUR_IPV6, 128, 0, [0, 0, 0, 1])),
  ),
} as const

const ANSWER_PORT = 0xc0de
const ANSWERS = {
  'over IPv4': lab.fromPeer(
    0x800,
    ipv4({ ...four, protocol: 17 }, udp(PEER_IPV4, OUR_IPV4, 53, ANSWER_PORT, payload)),
  ),
  'over IPv6': lab.fromPeer(
    0x86dd,
    ipv6({ ...six, nextHeader: 17 }, udp(PEER_IPV6, OUR_IPV6, 53, ANSWER_PORT, payload)),
  ),
} as const

const SEGMENT = lab.fromPeer(
  0x800,
  ipv4({ ...four, protocol: 6 }, tcp(PEER_IPV4, OUR_IPV4, 0x10, payload)),
)

function setUp(device: FakeDevice) {
  const harness = new InterfaceHarness(device)
  const datagrams = new RecordingHandler(17)
  harness.host.register(datagrams)
  const { counters } = harness.iface
  /** One turn in which `frames` have come; what was shed in it. */
  const turn = (frames: readonly Uint8Array[]) => {
    for (const frame of frames) device.inject(frame)
    const before = counters.datagramsShed
    harness.host.poll(harness.nowMs)
    return counters.datagramsShed - before
  }
  return { harness, datagrams, counters, turn }
}

/** As TCP while a window is half used: each packet is of one of `count` connections. */
function wantAnswers(handler: RecordingHandler, count: number): void {
  const connections = Array.from({ length: count }, () => ({}))
  const record = handler.process.bind(handler)
  handler.process = (packet) => {
    handler.found = connections[handler.packets.length % count]!
    packet.endsTurn = true
    return record(packet)
  }
}

const BULK = lab.fromPeer(
  0x800,
  ipv4({ ...four, protocol: 6 }, tcp(PEER_IPV4, OUR_IPV4, 0x10, new Uint8Array(60_000))),
)

describe('a handler that is to answer before more is taken in', () => {
  it.each([
    ['is let to after half a MiB of its only connection', 1, [9, 18, 27, 30]],
    ['waits for the end of the turn while others send too', 2, [30]],
  ])('%s', (_what, count, totals) => {
    const device = new FakeDevice()
    const harness = new InterfaceHarness(device)
    const handler = harness.tcp
    wantAnswers(handler, count)
    device.inject(SEGMENT)
    harness.host.poll(harness.nowMs)
    handler.packets.length = 0
    for (const frame of times(30, BULK)) device.inject(frame, { segmentSize: 1448 })
    const seen: number[] = []
    for (let turn = 0; turn < totals.length; turn++) {
      // There is no interrupt for what is left: the next turn follows at once.
      const isLast = turn === totals.length - 1
      expect(harness.host.poll(harness.nowMs)).toBe(!isLast)
      seen.push(handler.packets.length)
    }
    expect(seen).toEqual(totals)
    expect(harness.iface.counters.framesReceived).toBe(31)
  })

  it('is let to after four MiB of any connections, in frames however long', () => {
    const device = new FakeDevice()
    const harness = new InterfaceHarness(device)
    wantAnswers(harness.tcp, 2)
    const long = new Uint8Array(500_000)
    long.set(BULK)
    for (const frame of times(20, long)) {
      device.inject(frame, { segmentSize: 1448, checksumVerified: true }, [60_000])
    }
    const seen: number[] = []
    while (harness.host.poll(harness.nowMs)) seen.push(harness.tcp.packets.length)
    expect(seen).toEqual([9, 18])
    expect(harness.tcp.packets.map((it) => it.transportLength)).toEqual(
      Array.from({ length: 20 }, () => 500_000 - 34),
    )
  })
})

function times(count: number, frame: Uint8Array): Uint8Array[] {
  return Array.from({ length: count }, () => frame)
}

describe.each([
  ['that looks ahead', FarSightedDevice],
  ['that does not', FakeDevice],
])('a device %s', (_name, Device) => {
  it.each(Object.entries(UNASKED))(
    'has %s of a flood shed down to a few a turn',
    (_what, frame) => {
      const { turn } = setUp(new Device())
      for (let count = 0; count < PATIENT_TURNS; count++) expect(turn(times(64, frame))).toBe(0)
      let shed = 0
      for (let count = 0; count < 10; count++) shed = turn(times(100, frame))
      expect(shed).toBe(100 - MIN_DATAGRAMS_A_TURN)
    },
  )

  it('gives TCP every segment that lies between them', () => {
    const { harness, datagrams, counters, turn } = setUp(new Device())
    const mixed = Array.from({ length: 6 }, () => [
      ...times(20, UNASKED['UDP over IPv4']),
      SEGMENT,
    ]).flat()
    const TURNS = 60
    for (let count = 0; count < TURNS; count++) turn(mixed)
    harness.poll()
    expect(harness.tcp.packets).toHaveLength(6 * TURNS)
    expect(counters.datagramsShed).toBeGreaterThan(100 * (TURNS - 2 * PATIENT_TURNS))
    expect(datagrams.packets.length + counters.datagramsShed).toBe(120 * TURNS)
  })

  it.each(Object.entries(ANSWERS))(
    'takes an answer %s that the stack waits for from behind any flood',
    (_what, answer) => {
      const { harness, datagrams, turn } = setUp(new Device())
      harness.host.awaitedPorts.add(ANSWER_PORT)
      const flood = times(100, UNASKED['UDP over IPv4'])
      for (let count = 0; count < 30; count++) turn(flood)
      datagrams.packets.length = 0
      expect(turn([...flood, answer])).toBe(100 - MIN_DATAGRAMS_A_TURN)
      expect(datagrams.packets).toHaveLength(MIN_DATAGRAMS_A_TURN + 1)
      // No longer.
      harness.host.awaitedPorts.remove(ANSWER_PORT)
      expect(turn([...flood, answer])).toBe(101 - MIN_DATAGRAMS_A_TURN)
    },
  )

  it('ends a turn after four MiB of segments while a flood goes on too', () => {
    const { harness, datagrams, turn } = setUp(new Device())
    const flood = times(100, UNASKED['UDP over IPv4'])
    for (let count = 0; count < 30; count++) turn(flood)
    harness.tcp.packets.length = 0
    datagrams.packets.length = 0
    const long = new Uint8Array(500_000)
    long.set(BULK)
    for (const frame of times(20, long)) {
      harness.device.inject(frame, { segmentSize: 1448, checksumVerified: true }, [60_000])
    }
    const seen: number[] = []
    let hasMore = true
    while (hasMore) {
      hasMore = harness.host.poll(harness.nowMs)
      seen.push(harness.tcp.packets.length)
    }
    expect(seen).toEqual([9, 18, 20])
    // Nobody's datagrams are shed more freely for it.
    expect(turn(flood)).toBeLessThanOrEqual(100 - MIN_DATAGRAMS_A_TURN)
  })

  it('takes no more than a few of those that flood the very port', () => {
    const { harness, turn } = setUp(new Device())
    harness.host.awaitedPorts.add(ANSWER_PORT)
    const flood = times(100, ANSWERS['over IPv4'])
    let shed = 0
    for (let count = 0; count < 30; count++) shed = turn(flood)
    expect(shed).toBe(100 - MIN_DATAGRAMS_A_TURN - MAX_AWAITED_A_TURN)
  })

  it('loses nothing of a burst that only has to wait', () => {
    const { harness, datagrams, counters, turn } = setUp(new Device())
    turn(times(PATIENT_TURNS * INGRESS_BATCH - 1, UNASKED['UDP over IPv4']))
    harness.poll()
    expect(datagrams.packets).toHaveLength(PATIENT_TURNS * INGRESS_BATCH - 1)
    expect(counters.datagramsShed).toBe(0)
  })

  it('takes all again once the flood is over', () => {
    const { datagrams, turn } = setUp(new Device())
    for (let count = 0; count < 30; count++) turn(times(100, UNASKED['UDP over IPv4']))
    // One more a turn, as long as turns are not full.
    for (let count = 0; count < INGRESS_BATCH; count++) turn([])
    const before = datagrams.packets.length
    expect(turn(times(INGRESS_BATCH, UNASKED['UDP over IPv4']))).toBe(0)
    expect(datagrams.packets.length - before).toBe(INGRESS_BATCH)
  })

  it('sheds no datagram while it is TCP that fills the turns', () => {
    const { counters, turn } = setUp(new Device())
    const frames = [...times(56, SEGMENT), ...times(8, UNASKED['UDP over IPv4'])]
    for (let count = 0; count < 100; count++) turn(frames)
    expect(counters.datagramsShed).toBe(0)
  })
})

/** Its frames come by queues in turns, a datagram's by the queue that its source port names. */
class QueuedDevice extends FakeDevice {
  override receive(frame: ReceivedFrame): boolean {
    if (!super.receive(frame)) return false
    const { buffer, offset } = frame.fragments[0]!
    frame.queueIndex = buffer.bytes[offset + 35]! & 3
    return true
  }
}

describe('a device of several queues', () => {
  it('has datagrams of the flooded queue shed, and those of the others taken in', () => {
    const { datagrams, turn } = setUp(new QueuedDevice())
    const flow = (port: number) =>
      lab.fromPeer(
        0x800,
        ipv4({ ...four, protocol: 17 }, udp(PEER_IPV4, OUR_IPV4, port, 9, payload)),
      )
    for (let count = 0; count < 40; count++) turn(times(100, flow(4000)))
    const ports: number[] = []
    datagrams.process = ({ frame, transportOffset }) => {
      ports.push(frame.fragments[0]!.buffer.view.getUint16(transportOffset))
      return true
    }
    const TURNS = 20
    for (let count = 0; count < TURNS; count++) {
      turn([...times(33, flow(4000)), flow(4001), ...times(33, flow(4000)), flow(4002)])
    }
    expect(ports.filter((port) => port === 4001)).toHaveLength(TURNS)
    expect(ports.filter((port) => port === 4002)).toHaveLength(TURNS)
    expect(ports.filter((port) => port === 4000).length).toBeLessThan(33 * TURNS)
  })
})

it('gets a lease while every turn is full of others’ datagrams', () => {
  const dhcp = new DhcpLab()
  const { stack, device } = dhcp
  const flood = times(100, UNASKED['UDP over IPv6'])
  const poll = stack.poll.bind(stack)
  const inject = device.inject.bind(device)
  // What a server answers lies in the midst of it.
  device.inject = (frame, meta) => {
    for (const other of flood) inject(other)
    inject(frame, meta)
  }
  stack.poll = (nowMs) => {
    for (const frame of flood) inject(frame)
    poll(nowMs)
    // There is more at once, always: the lab's time is to go on.
    return false
  }
  for (let turn = 0; turn < 2_000; turn++) dhcp.run(1)
  const { counters } = stack.interface
  expect(counters.datagramsShed).toBeGreaterThan(50_000)
  expect(dhcp.events).toEqual(['bound'])
})

describe('a turn', () => {
  it('ends however many frames there are to shed', () => {
    const device = new FarSightedDevice()
    const { turn } = setUp(device)
    for (let count = 0; count < PATIENT_TURNS; count++) turn(times(64, UNASKED.pings))
    for (let count = 0; count < 10; count++) turn(times(100, UNASKED.pings))
    expect(turn(times(5000, UNASKED.pings))).toBe(1024)
  })

  it('leaves room in a device that another protocol keeps full to each in turn', () => {
    const device = new FakeDevice()
    const lan = new UdpLab(device)
    const socket = lan.udp.open({ port: 7 })
    const bytes = Uint8Array.of(1, 2, 3)
    const TURNS = 8
    for (let count = 0; count < TURNS; count++) {
      socket.send(lab.address(PEER_IPV4), 4000, bytes, 0, bytes.length)
    }
    lan.tcp.onDispatch = () => {
      device.room = 0
      return true
    }
    for (let count = 0; count < TURNS; count++) {
      device.room = 1
      lan.host.poll(lan.nowMs)
    }
    expect(device.takeSent()).toHaveLength(TURNS / 2)
  })
})
