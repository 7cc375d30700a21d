/**
 * Datagrams of one size in a row, out and in: what the device is asked for, what waits, and what a
 * lying device gets (virtio 1.4 §5.1.6.2, §5.1.6.4).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { MAX_COPIED_FRAMES } from '../../../../../drivers/virtio/net/copied-frames.ts'
import { MAX_COALESCED_DATAGRAMS } from '../../../../../net/iface/transport-delivery.ts'
import { NO_OFFLOAD } from '../../../../../net/phy/offload.ts'
import { DatagramSend } from '../../../../../net/socket/datagram/datagram-send.ts'
import {
  MAX_SERIES_DATAGRAMS,
  seriesLength,
} from '../../../../../net/socket/udp/datagram-series.ts'
import type { IpAddress } from '../../../../../net/wire/ip-address.ts'
import { pseudoHeaderSum } from '../../../../fakes/fake-segmentation.ts'
import { DEVICE_KINDS, useDeviceKind } from '../../../../fakes/open-devices.ts'
import { address } from '../../../../support/interface-harness.ts'
import { OffloadWorld, USO_FEATURES } from '../../../../support/offload-world.ts'
import {
  datagram,
  message,
  NotingHandler,
  OURS,
  PEERS,
  sentDatagrams,
  withFields,
} from '../../../../support/udp-lab.ts'

const bytes = Uint8Array.from({ length: 65_000 }, (_, i) => (i * 7 + (i >> 8)) & 0xff)

let world: OffloadWorld
beforeEach(() => {
  useDeviceKind('split ring on PCI')
  world = new OffloadWorld(USO_FEATURES)
})

function payloads(frames: Uint8Array[]): number[][] {
  return sentDatagrams(frames.map((frame) => ({ bytes: frame, meta: NO_OFFLOAD }))).map(
    ({ payload }) => payload,
  )
}

/** A frame of joined datagrams as Linux hands it over, checksum field and all. */
function joined(version: 4 | 6, payload: Uint8Array): Uint8Array {
  const frame = withFields(version, message(version, payload), { hopLimit: 33, trafficClass: 0x2b })
  const start = version === 4 ? 34 : 54
  const view = new DataView(frame.buffer)
  view.setUint16(start + 6, pseudoHeaderSum(frame, 17, frame.length - start))
  return frame
}

function deliverJoined(version: 4 | 6, payload: Uint8Array, gsoSize: number): void {
  const start = version === 4 ? 34 : 54
  const partialChecksum = { start, offset: 6 }
  const isTaken = world.open.device.deliver(joined(version, payload), {
    ...{ gsoType: 5, gsoSize, partialChecksum },
  })
  expect(isTaken).toBe(true)
  world.advance(0)
}

describe.each(DEVICE_KINDS)('with a %s:', (kind) => {
  beforeEach(() => {
    useDeviceKind(kind)
    world = new OffloadWorld(USO_FEATURES)
  })

  it.each([4, 6] as const)('over IPv%i one frame carries up to 65,535 bytes', (version) => {
    const socket = world.udp.open({ port: 4000 })
    const headers: unknown[] = []
    world.open.device.onTransmit = (frame, header) =>
      headers.push({ ...header, length: frame.length })
    const length = seriesLength(bytes.length, 1200)
    expect(length).toBe(54 * 1200)
    const peer = address(PEERS[version])
    expect(socket.sendSegmented(to(peer, 5000), bytes, 0, length, 1200)).toBe(DatagramSend.Queued)
    const wire = world.takeWire()
    const headerLength = version === 4 ? 42 : 62
    expect(headers).toEqual([
      {
        ...{ flags: 1, gsoType: 5, headerLength, gsoSize: 1200, bufferCount: 0 },
        ...{ checksumStart: headerLength - 8, checksumOffset: 6, length: headerLength + length },
      },
    ])
    expect(payloads(wire)).toEqual(
      Array.from({ length: 54 }, (_, i) => [...bytes.subarray(i * 1200, (i + 1) * 1200)]),
    )
    expect(world.udp.statistics).toMatchObject({ datagramsSent: 54, bytesSent: length })
  })

  it('sends on in order when the device is slow, from its memory for large frames', () => {
    const { device, net } = world.open
    device.autoProcess = false
    const socket = world.udp.open({ port: 4000, queueBytes: 1 << 20 })
    const wire: Uint8Array[] = []
    const rounds = MAX_COPIED_FRAMES + 4
    for (let round = 0; round < rounds; round++) {
      const part = Uint8Array.from({ length: 20_000 }, () => round)
      const result = socket.sendSegmented(to(address(PEERS[4]), 5000), part, 0, 20_000, 1000)
      expect(result).toBe(DatagramSend.Queued)
    }
    wire.push(...world.takeWire())
    expect(net.statistics.transmittedSuperSegments).toBe(MAX_COPIED_FRAMES)
    expect(net.statistics.transmitQueueFull).toBeGreaterThan(0)
    for (let turn = 0; wire.length < rounds * 20; turn++) {
      expect(turn).toBeLessThan(100)
      device.processTransmit(1)
      wire.push(...world.takeWire())
    }
    const firsts = payloads(wire).map(([first]) => first)
    expect(firsts).toEqual(Array.from({ length: rounds * 20 }, (_, i) => Math.floor(i / 20)))
  })
})

it('a series that the path no longer carries whole goes in fragments, or not at all', () => {
  const socket = world.udp.open({ port: 4000 })
  const peer = address(PEERS[4])
  expect(socket.sendSegmented(to(peer, 5000), bytes, 0, 4500, 1500)).toBe(DatagramSend.Queued)
  const wire = world.takeWire()
  expect(wire).toHaveLength(6)
  expect(world.superFrames).toBe(0)
  socket.configure({ fragmentation: 'never' })
  expect(socket.sendSegmented(to(peer, 5000), bytes, 0, 4500, 1500)).toBe(DatagramSend.TooLong)
  expect(world.takeWire()).toEqual([])
})

it('is planned anew when the path turns out to carry less as the first frame is made', () => {
  const socket = world.udp.open({ port: 4000 })
  const peer = address(PEERS[6])
  socket.send(peer, 5000, bytes, 0, 1)
  expect(world.takeWire()).toHaveLength(1)
  socket.sendSegmented(to(peer, 5000), bytes, 0, 4200, 1400)
  // The flow hears of it when it is resolved next.
  world.iface.link.setMtu6(1400)
  world.iface.neighbors.invalidatePaths()
  const wire = world.takeWire()
  expect([wire.length, world.superFrames]).toEqual([6, 0])
  expect(Math.max(...wire.map(({ length }) => length))).toBeLessThanOrEqual(1414)
})

it('goes datagram by datagram while the device is not to cut', () => {
  const socket = world.udp.open({ port: 4000 })
  const peer = address(PEERS[4])
  world.host.egress.segmentation.udp = false
  socket.sendSegmented(to(peer, 5000), bytes, 0, 4500, 1000)
  expect([world.takeWire().length, world.superFrames]).toEqual([5, 0])
  world.host.egress.segmentation.udp = true
  socket.sendSegmented(to(peer, 5000), bytes, 0, 4500, 1000)
  expect([world.takeWire().length, world.superFrames]).toEqual([5, 1])
})

it('reaches a group, and those here who listen to it, datagram by datagram', () => {
  const group = address('239.1.2.3')
  const listener = world.udp.open({ port: 6000, handler: new NotingHandler() })
  listener.joinGroup(group)
  world.takeWire()
  const socket = world.udp.open({ port: 4000 })
  expect(socket.sendSegmented(to(group, 6000), bytes, 0, 2500, 1000)).toBe(DatagramSend.Queued)
  expect(payloads(world.takeWire()).map(({ length }) => length)).toEqual([1000, 1000, 500])
  expect(listener.receivedCount()).toBe(3)
})

it('to ourselves arrives as it was cut', () => {
  const listener = world.udp.open({ port: 6000, handler: new NotingHandler() })
  const socket = world.udp.open({ port: 4000 })
  socket.sendSegmented(to(address(OURS[4]), 6000), bytes, 0, 2500, 1000)
  expect(world.takeWire()).toEqual([])
  expect(lengthsOf(listener)).toEqual([1000, 1000, 500])
})

it('what one call cannot queue is refused: more than a frame, or a port or length out of range', () => {
  const socket = world.udp.open({ port: 4000 })
  const peer = address(PEERS[4])
  const send = (length: number, segmentLength: number, port = 5000) =>
    socket.sendSegmented(to(peer, port), bytes, 0, length, segmentLength)
  expect(seriesLength(10_000, 10)).toBe(10 * MAX_SERIES_DATAGRAMS)
  expect(() => send(10_000, 10)).toThrow('Cannot send 10000 bytes in datagrams of 10 at once')
  // Linux's include/linux/virtio_net.h, 6.7 to 6.9: -EINVAL for more than 64.
  expect(MAX_SERIES_DATAGRAMS).toBe(64)
  expect(send(10 * MAX_SERIES_DATAGRAMS, 10)).toBe(DatagramSend.Queued)
  expect([world.takeWire().length, world.superFrames]).toEqual([64, 1])
  expect(() => send(2000, 1000, 0)).toThrow('port must be 1 to 65535, not 0')
  expect(send(1000, 1000)).toBe(DatagramSend.Queued)
  expect(world.superFrames).toBe(1)
})

function lengthsOf(socket: ReturnType<OffloadWorld['udp']['open']>): number[] {
  const lengths: number[] = []
  for (let it = socket.peek(); it !== null; it = socket.peek()) {
    lengths.push(it.length)
    socket.consume()
  }
  return lengths
}

describe.each([4, 6] as const)('datagrams that the host has joined, over IPv%i', (version) => {
  it('reach the socket one by one, each with what the headers say', () => {
    const handler = new NotingHandler()
    const socket = world.udp.open({ port: 7, handler })
    deliverJoined(version, bytes.subarray(0, 10_100), 1000)
    expect(socket.receivedCount()).toBe(11)
    expect(world.udp.statistics).toMatchObject({ datagramsReceived: 11, bytesReceived: 10_100 })
    for (let i = 0; i < 11; i++) {
      const received = socket.peek()!
      const part = bytes.subarray(i * 1000, Math.min(10_100, (i + 1) * 1000))
      expect([...received.bytes.subarray(received.offset).subarray(0, received.length)]).toEqual([
        ...part,
      ])
      expect(received).toMatchObject({ sourcePort: 5000, hopLimit: 33, trafficClass: 0x2b })
      expect(received.source).toMatchObject({ ...address(PEERS[version]) })
      expect(received.destination).toMatchObject({ ...address(OURS[version]) })
      socket.consume()
    }
    // The next one is a datagram by itself again.
    world.open.device.deliver(datagram(version, [9]))
    world.advance(0)
    expect(lengthsOf(socket)).toEqual([1])
  })

  it('may lie in several buffers, and be as large as a frame', () => {
    const socket = world.udp.open({ port: 7, handler: new NotingHandler(), queueBytes: 1 << 18 })
    const length = 65_535 - (version === 4 ? 28 : 48)
    const whole = Uint8Array.from({ length }, (_, i) => (i * 31) >> 3)
    deliverJoined(version, whole, 1400)
    expect(world.open.net.statistics.receivedFragments).toBe(2)
    const parts: number[] = []
    for (let it = socket.peek(); it !== null; it = socket.peek()) {
      parts.push(...it.bytes.subarray(it.offset, it.offset + it.length))
      socket.consume()
    }
    expect(Buffer.compare(Uint8Array.from(parts), whole)).toBe(0)
  })

  it('are dropped when there are more than anybody sends at once', () => {
    const socket = world.udp.open({ port: 7, handler: new NotingHandler() })
    deliverJoined(version, bytes.subarray(0, MAX_COALESCED_DATAGRAMS), 1)
    expect(socket.receivedCount()).toBe(MAX_COALESCED_DATAGRAMS)
    deliverJoined(version, bytes.subarray(0, MAX_COALESCED_DATAGRAMS + 1), 1)
    expect(socket.receivedCount()).toBe(MAX_COALESCED_DATAGRAMS)
    expect(world.iface.counters.frameBadSegmentation).toBe(1)
  })
})

it('a type that was not negotiated, or with the mark of TCP, is dropped and counted (virtio §5.1.6.4.2)', () => {
  const socket = world.udp.open({ port: 7, handler: new NotingHandler() })
  const { device, net } = world.open
  device.strict = false
  const partialChecksum = { start: 34, offset: 6 }
  const frame = joined(4, bytes.subarray(0, 3000))
  device.deliver(frame, { gsoType: 0x85, gsoSize: 1000, partialChecksum })
  device.deliver(frame, { gsoType: 5, gsoSize: 0, partialChecksum })
  world.advance(0)
  expect(net.statistics.drops).toMatchObject({ segmentationType: 1, segmentSize: 1 })
  expect(socket.receivedCount()).toBe(0)
  const plain = new OffloadWorld(USO_FEATURES.filter((name) => !name.includes('USO')))
  plain.open.device.strict = false
  plain.open.device.deliver(frame, { gsoType: 5, gsoSize: 1000, partialChecksum })
  plain.advance(0)
  expect(plain.open.net.statistics.drops.segmentationType).toBe(1)
})

function to(peer: IpAddress, port: number) {
  return { address: peer, port }
}
