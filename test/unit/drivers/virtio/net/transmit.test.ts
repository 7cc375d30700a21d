/** Sending: scatter-gather, checksums, TSO as it comes out on the wire, ring full, payload owners (virtio 1.4 §5.1.6.2). */
import { describe, expect, it, vi } from 'vitest'
import type { PacketMeta } from '../../../../../net/phy/offload.ts'

import type { PacketBuffer } from '../../../../../net/storage/buffer.ts'
import { buildTcpFrame, payloadOctet, type TcpFrameOptions } from '../../../../fakes/fake-frames.ts'
import type { FakeMachineOptions } from '../../../../fakes/fake-machine.ts'
import { findChecksumFault, type NetHeader } from '../../../../fakes/fake-segmentation.ts'
import { DEFAULT_NET_FEATURES } from '../../../../fakes/fake-virtio-net.ts'
import { type OpenNet, openNet } from '../../../../fakes/open-devices.ts'

function without(...names: string[]) {
  return DEFAULT_NET_FEATURES.filter((it) => !names.includes(it))
}

interface Sent {
  readonly wire: Uint8Array[]
  readonly headers: NetHeader[]
  readonly owner: { framesInFlight: number }
}

/** Payload in device memory where octet i is payloadOctet(i). */
function createPayload({ hal }: OpenNet, lengthBytes: number): PacketBuffer {
  const buffer = hal.allocateDma(lengthBytes, 64)
  for (let i = 0; i < lengthBytes; i++) buffer.bytes[i] = payloadOctet(i)
  return buffer
}

interface SendOptions extends TcpFrameOptions {
  readonly segmentSize?: number
  /** Octets of payload in the first of two ranges; absent = one range. */
  readonly splitAt?: number
  readonly congestionWindowReduced?: boolean
}

/** Sends one TCP frame whose payload lies in its own memory, as a socket does. */
function sendTcp(open: OpenNet, options: SendOptions): Sent {
  const { net, device } = open
  const sent: Sent = { wire: [], headers: [], owner: { framesInFlight: 0 } }
  device.onFrame = (frame) => sent.wire.push(frame)
  device.onTransmit = (_frame, header) => sent.headers.push(header)
  const { bytes, transportOffset, headerLength } = buildTcpFrame({ ...options, checksum: 'seeded' })
  const payloadLength = bytes.length - headerLength
  const frame = net.acquireTransmit()!
  frame.header.bytes.set(bytes.subarray(0, headerLength), frame.headerOffset)
  frame.headerLength = headerLength
  if (payloadLength > 0) {
    const payload = createPayload(open, payloadLength)
    const first = options.splitAt ?? payloadLength
    frame.payload0 = payload
    frame.payload0Offset = 0
    frame.payload0Length = first
    frame.payload1 = first < payloadLength ? payload : null
    frame.payload1Offset = first
    frame.payload1Length = payloadLength - first
    frame.owner = sent.owner
  }
  frame.meta.checksumStart = transportOffset
  frame.meta.checksumOffset = 16
  frame.meta.segmentationOffloadSize = options.segmentSize ?? 0
  frame.meta.ipVersion = options.ipVersion ?? 4
  frame.meta.congestionWindowReduced = options.congestionWindowReduced ?? false
  net.commitTransmit(frame)
  net.flushTransmit()
  return sent
}

/** What a stack without TSO would have sent, byte by byte. */
function expectedSegments(options: SendOptions): Uint8Array[] {
  const total = options.payloadLength ?? 0
  const size = options.segmentSize ?? total
  const segments: Uint8Array[] = []
  for (let at = 0; at < total; at += size) {
    const isLast = at + size >= total
    let flags = options.flags ?? 0x10
    if (!isLast) flags &= ~0x09
    if (at > 0) flags &= ~0x80
    const length = Math.min(size, total - at)
    const shape = { ...options, flags, payloadLength: length, checksum: 0 as const }
    const { bytes, headerLength, transportOffset } = buildTcpFrame({
      ...shape,
      sequence: ((options.sequence ?? 1000) + at) >>> 0,
      identification: ((options.identification ?? 0x1234) + segments.length) & 0xffff,
    })
    for (let i = 0; i < length; i++) bytes[headerLength + i] = payloadOctet(at + i)
    completeTcp(bytes, transportOffset)
    segments.push(bytes)
  }
  return segments
}

/** Finishes a TCP checksum without using the code under test or the fake's segmentation. */
function completeTcp(bytes: Uint8Array, start: number): void {
  const isV4 = start === 34
  const addresses = isV4 ? bytes.subarray(26, 34) : bytes.subarray(22, 54)
  const words = [...addresses, 0, 6, 0, 0, ...bytes.subarray(start)]
  const length = bytes.length - start
  words[addresses.length + 2] = length >> 8
  words[addresses.length + 3] = length & 0xff
  if (words.length % 2 === 1) words.push(0)
  let sum = 0
  for (let i = 0; i < words.length; i += 2) sum += words[i]! * 256 + words[i + 1]!
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  new DataView(bytes.buffer).setUint16(start + 16, ~sum & 0xffff)
}

describe('a super-segment', () => {
  it.each([
    ['exactly one byte more than a segment', 1449],
    ['two whole segments', 2896],
    ['one byte less than two segments', 2895],
    ['one byte more than two segments', 2897],
    ['the largest there is', 65535 - 66],
  ])('of %s comes out as a software stack would have sent it (IPv4)', (_name, payloadLength) => {
    const options = { payloadLength, segmentSize: 1448, optionsLength: 12, flags: 0x19 }
    const { wire } = sendTcp(openNet(), options)
    expect(wire).toEqual(expectedSegments(options))
  })

  it.each([1429, 2856, 2857, 65535 - 86])(
    'of %i bytes comes out right over IPv6',
    (payloadLength) => {
      const options = { ipVersion: 6 as const, payloadLength, segmentSize: 1428, optionsLength: 12 }
      const { wire, headers } = sendTcp(openNet(), options)
      expect(wire).toEqual(expectedSegments(options))
      expect(headers[0]).toMatchObject({ gsoType: 4, gsoSize: 1428, headerLength: 86 })
    },
  )

  it('wraps sequence number and IP identification', () => {
    const options = {
      payloadLength: 5000,
      segmentSize: 1460,
      sequence: 0xfffffa00,
      identification: 0xfffe,
    }
    expect(sendTcp(openNet(), options).wire).toEqual(expectedSegments(options))
  })

  it('has FIN and PSH on the last segment only, CWR on the first only', () => {
    const options = { payloadLength: 4000, segmentSize: 1460, flags: 0x99 }
    const { wire, headers } = sendTcp(openNet(), { ...options, congestionWindowReduced: true })
    expect(wire.map((it) => it[47])).toEqual([0x90, 0x10, 0x19])
    expect(headers[0]!.gsoType).toBe(0x81)
  })

  it('gathers a payload that wraps around in its ring', () => {
    const options = { payloadLength: 30_000, segmentSize: 1460, splitAt: 12_345 }
    expect(sendTcp(openNet(), options).wire).toEqual(expectedSegments(options))
  })

  it('goes as direct descriptors when INDIRECT_DESC is off', () => {
    const options = { payloadLength: 30_000, segmentSize: 1460, splitAt: 1 }
    const open = openNet({ features: without('INDIRECT_DESC') })
    expect(sendTcp(open, options).wire).toEqual(expectedSegments(options))
    expect(open.net.describe().transmitFrames).toBe(85)
  })

  it('shows as a bad checksum when its seed leaves out the length (the fake is as strict as Linux)', () => {
    const open = openNet()
    const { net, device } = open
    const wire: Uint8Array[] = []
    device.onFrame = (frame) => wire.push(frame)
    const { bytes, headerLength } = buildTcpFrame({ payloadLength: 3000, checksum: 0xa17c })
    const frame = net.acquireTransmit()!
    frame.header.bytes.set(bytes.subarray(0, headerLength), frame.headerOffset)
    frame.headerLength = headerLength
    frame.payload0 = createPayload(open, 3000)
    frame.payload0Length = 3000
    Object.assign(frame.meta, { checksumStart: 34, checksumOffset: 16 })
    Object.assign(frame.meta, { segmentationOffloadSize: 1460, ipVersion: 4 })
    net.commitTransmit(frame)
    net.flushTransmit()
    expect(wire.map(findChecksumFault)).toEqual(Array(3).fill('checksum of protocol 6'))
  })

  it.each([
    ['HOST_TSO4', 4 as const],
    ['HOST_TSO6', 6 as const],
  ])('is refused when %s was not negotiated', (name, ipVersion) => {
    const open = openNet({ features: without(name) })
    const options = { ipVersion, payloadLength: 4000, segmentSize: 1400 }
    expect(() => sendTcp(open, options)).toThrow(`${name} was not negotiated`)
  })
})

describe('a single packet', () => {
  it('has its checksum completed by the device', () => {
    const options = { payloadLength: 1001 }
    const { wire, headers } = sendTcp(openNet(), options)
    expect(headers[0]).toMatchObject({
      flags: 1,
      gsoType: 0,
      checksumStart: 34,
      checksumOffset: 16,
    })
    expect(wire).toEqual([buildTcpFrame(options).bytes])
  })

  it('written whole into the header needs no payload and no owner', () => {
    const { net, device } = openNet({ features: without('CSUM') })
    const headers: NetHeader[] = []
    device.onTransmit = (_frame, header) => headers.push(header)
    const { bytes } = buildTcpFrame({ payloadLength: 1446 })
    const frame = net.acquireTransmit()!
    expect(frame.header.lengthBytes - frame.headerOffset).toBeGreaterThanOrEqual(1514)
    frame.header.bytes.set(bytes, frame.headerOffset)
    frame.headerLength = bytes.length
    net.commitTransmit(frame)
    net.flushTransmit()
    expect(headers).toEqual([expect.objectContaining({ flags: 0, gsoType: 0, checksumStart: 0 })])
  })

  it('of a larger MTU still fits its header buffer', () => {
    const { net } = openNet({ features: [...DEFAULT_NET_FEATURES, 'MTU'], mtu: 9000 })
    expect(net.capabilities.maxTransmissionUnit).toBe(9000)
    const frame = net.acquireTransmit()!
    expect(frame.header.lengthBytes - frame.headerOffset).toBeGreaterThanOrEqual(9014)
  })
})

describe('transmit', () => {
  /** Sends one TCP frame in one step; `meta` is what is asked of the device. */
  function transmitTcp(open: OpenNet, options: SendOptions, meta: PacketMeta, offset = 0): Sent {
    const { net, device } = open
    const sent: Sent = { wire: [], headers: [], owner: { framesInFlight: 0 } }
    device.onFrame = (frame) => sent.wire.push(frame)
    device.onTransmit = (_frame, header) => sent.headers.push(header)
    const { bytes, headerLength } = buildTcpFrame({ ...options, checksum: 'seeded' })
    const length = bytes.length - headerLength
    const ring = open.hal.allocateDma(8192, 64)
    for (let i = 0; i < length; i++) ring.bytes[(offset + i) % 8192] = payloadOctet(i)
    const payload = length === 0 ? null : ring
    const owner = length === 0 ? null : sent.owner
    expect(net.transmit(bytes, headerLength, meta, payload, offset, length, owner)).toBe(true)
    expect(sent.owner.framesInFlight).toBe(length === 0 ? 0 : 1)
    net.flushTransmit()
    return sent
  }

  function metaOf(
    ipVersion: 4 | 6,
    segmentationOffloadSize: number,
    isReduced = false,
  ): PacketMeta {
    const checksumStart = ipVersion === 4 ? 34 : 54
    const checksumOffset = 16
    const congestionWindowReduced = isReduced
    return {
      segmentationOffloadSize,
      ipVersion,
      checksumStart,
      checksumOffset,
      congestionWindowReduced,
    }
  }

  it.each([0, 8192 - 100])('sends what acquire and commit would, from a ring at %i', (offset) => {
    const options = { payloadLength: 4000, segmentSize: 1460 }
    const one = transmitTcp(openNet(), options, metaOf(4, 1460), offset)
    const other = sendTcp(openNet(), options)
    expect(one.headers).toEqual(other.headers)
    expect(one.wire).toEqual(other.wire)
    expect(one.wire).toEqual(expectedSegments(options))
  })

  it('sends a segment without payload', () => {
    const open = openNet()
    const sent = transmitTcp(open, { payloadLength: 0 }, metaOf(4, 0))
    expect(sent.wire).toEqual(sendTcp(openNet(), { payloadLength: 0 }).wire)
    expect(sent.owner.framesInFlight).toBe(0)
  })

  it.each<[string, SendOptions, PacketMeta]>([
    ['another segment size', { segmentSize: 1400 }, metaOf(4, 1400)],
    ['no segmentation', { segmentSize: 0, payloadLength: 1000 }, metaOf(4, 0)],
    ['another family', { ipVersion: 6, segmentSize: 1400 }, metaOf(6, 1400)],
    ['CWR', { congestionWindowReduced: true, flags: 0x90 }, metaOf(4, 1460, true)],
  ])('asks in a used slot for %s, and then for what it asked before', (_name, change, changed) => {
    const usual: SendOptions = { payloadLength: 4000, segmentSize: 1460 }
    const meta = metaOf(4, 1460)
    const open = openNet()
    const headers = [false, false, true, false].map((isChanged) => {
      const sent = isChanged
        ? transmitTcp(open, { ...usual, ...change }, changed)
        : transmitTcp(open, usual, meta)
      open.net.reclaimTransmit()
      expect(sent.owner.framesInFlight).toBe(0)
      return sent.headers[0]
    })
    expect(headers[2]).toEqual(sendTcp(openNet(), { ...usual, ...change }).headers[0])
    expect(headers[1]).toEqual(headers[0])
    expect(headers[3]).toEqual(headers[0])
    expect(headers[2]).not.toEqual(headers[0])
  })

  it('shares its slots with frames that are acquired', () => {
    const open = openNet()
    const usual: SendOptions = { payloadLength: 4000, segmentSize: 1460 }
    const meta = metaOf(4, 1460)
    const first = transmitTcp(open, usual, meta)
    open.net.reclaimTransmit()
    sendTcp(open, { payloadLength: 10 })
    open.net.reclaimTransmit()
    expect(transmitTcp(open, usual, meta).headers).toEqual(first.headers)
  })

  it('takes nothing while the link is down, the queue is full, or a frame is open', () => {
    const open = openNet({ transmitQueueSize: 4 })
    const frame = open.net.acquireTransmit()!
    const { bytes, headerLength } = buildTcpFrame({ payloadLength: 0, checksum: 'seeded' })
    const meta = metaOf(4, 0)
    const transmit = () => open.net.transmit(bytes, headerLength, meta, null, 0, 0, null)
    expect(transmit).toThrow('Cannot transmit')
    open.net.cancelTransmit(frame)
    open.net.linkUp = false
    expect(transmit()).toBe(false)
    open.net.linkUp = true
    open.device.autoProcess = false
    let count = 0
    while (transmit()) count++
    expect(count).toBe(open.net.describe().transmitFrames)
  })
})

describe('frames and owners', () => {
  it('are cleared when acquired, whatever they were used for before', () => {
    const open = openNet()
    sendTcp(open, { payloadLength: 4000, segmentSize: 1460, splitAt: 100 })
    open.net.reclaimTransmit()
    const frame = open.net.acquireTransmit()!
    expect(frame).toMatchObject({ payload0Length: 0, payload1Length: 0, owner: null })
    expect(frame.meta).toMatchObject({ segmentationOffloadSize: 0, checksumStart: 0 })
    expect(frame.meta.congestionWindowReduced).toBe(false)
  })

  it('count the owner up at commit and down once the device is done', () => {
    const open = openNet()
    open.device.autoProcess = false
    const { owner } = sendTcp(open, { payloadLength: 4000, segmentSize: 1460 })
    expect(owner.framesInFlight).toBe(1)
    open.net.reclaimTransmit()
    expect(owner.framesInFlight).toBe(1)
    open.device.processTransmit()
    open.net.reclaimTransmit()
    expect(owner.framesInFlight).toBe(0)
  })

  it('are one at a time', () => {
    const { net } = openNet()
    const frame = net.acquireTransmit()!
    expect(() => net.acquireTransmit()).toThrow('Cannot acquire a frame')
    net.cancelTransmit(frame)
    expect(() => net.commitTransmit(frame)).toThrow('Cannot commit a frame')
    expect(() => net.cancelTransmit(frame)).toThrow('Cannot cancel a frame')
  })

  it('that are cancelled are free again', () => {
    const { net } = openNet({ transmitQueueSize: 4 })
    for (let i = 0; i < 20; i++) net.cancelTransmit(net.acquireTransmit()!)
    expect(net.statistics.transmitQueueFull).toBe(0)
  })

  it('counted', () => {
    const open = openNet()
    sendTcp(open, { payloadLength: 4000, segmentSize: 1460 })
    sendTcp(open, { payloadLength: 10 })
    expect(open.net.statistics).toMatchObject({
      transmittedFrames: 2,
      transmittedBytes: 4054 + 64,
      transmittedSuperSegments: 1,
      largestTransmittedFrame: 4054,
      transmitNotifications: 2,
    })
  })

  it('counted by size in steps of 8 KiB when they are super-segments', () => {
    const open = openNet()
    const headers = 54
    for (const length of [4000, 8191, 8192, 65_535]) {
      sendTcp(open, { payloadLength: length - headers, segmentSize: 1460 })
    }
    sendTcp(open, { payloadLength: 1000 })
    expect(open.net.statistics.transmittedSuperSegmentSizes).toEqual([2, 1, 0, 0, 0, 0, 0, 1, 0])
  })
})

describe.each<[string, FakeMachineOptions]>([
  ['EVENT_IDX', {}],
  ['flags only', { features: without('EVENT_IDX') }],
  ['direct descriptors', { features: without('INDIRECT_DESC') }],
])('a full queue with %s', (_name, machineOptions) => {
  function fill(open: OpenNet): number {
    let count = 0
    for (
      let frame = open.net.acquireTransmit();
      frame !== null;
      frame = open.net.acquireTransmit()
    ) {
      const { bytes } = buildTcpFrame({ payloadLength: 20 })
      frame.header.bytes.set(bytes, frame.headerOffset)
      frame.headerLength = bytes.length
      open.net.commitTransmit(frame)
      count++
    }
    return count
  }

  it('accepts no more, wakes the event loop once there is room, and goes on (V15)', () => {
    const open = openNet({ ...machineOptions, transmitQueueSize: 16 })
    const { net, device, hal, interrupts } = open
    device.autoProcess = false
    const frames = net.describe().transmitFrames
    expect(fill(open)).toBe(frames)
    expect(net.statistics.transmitQueueFull).toBe(1)
    expect(net.acquireTransmit()).toBeNull()
    const before = hal.interruptCounters[0]!
    expect(device.processTransmit()).toBe(frames)
    expect(hal.interruptCounters[0]).toBe(before + 1)
    expect(interrupts.dispatch()).toBe(1)
    expect(fill(open)).toBe(frames)
  })

  it('sees what is sent between its look and its request for an interrupt (§2.7.7.1)', () => {
    const open = openNet({ ...machineOptions, transmitQueueSize: 16 })
    const { net, device, hal } = open
    device.autoProcess = false
    const frames = net.describe().transmitFrames
    for (let count = 0; count < frames; count++) {
      const frame = net.acquireTransmit()!
      const { bytes } = buildTcpFrame({ payloadLength: 20 })
      frame.header.bytes.set(bytes, frame.headerOffset)
      frame.headerLength = bytes.length
      net.commitTransmit(frame)
    }
    net.flushTransmit()
    // The only barrier left is the one after the request: the device is done just before it.
    const barrier = vi.spyOn(hal, 'memoryBarrier').mockImplementationOnce(() => {
      device.processTransmit()
    })
    const frame = net.acquireTransmit()
    expect(frame).not.toBeNull()
    expect(barrier).toHaveBeenCalledTimes(1)
    net.cancelTransmit(frame!)
  })

  it('sends no interrupts while there is room', () => {
    const open = openNet(machineOptions)
    const before = open.hal.interruptCounters[0]!
    for (let i = 0; i < 300; i++) sendTcp(open, { payloadLength: 1 })
    expect(open.hal.interruptCounters[0]).toBe(before)
  })

  it('passes 65536 frames', () => {
    const open = openNet({ ...machineOptions, transmitQueueSize: 16 })
    let seen = 0
    open.device.verifyChecksums = false
    open.device.onTransmit = () => seen++
    const { bytes } = buildTcpFrame({ payloadLength: 2 })
    for (let i = 0; i < 66_000; i++) {
      const frame = open.net.acquireTransmit()!
      frame.header.bytes.set(bytes, frame.headerOffset)
      frame.headerLength = bytes.length
      open.net.commitTransmit(frame)
      if (i % 5 === 0) open.net.flushTransmit()
    }
    open.net.flushTransmit()
    expect(seen).toBe(66_000)
  }, 60_000)
})

describe('with the link down', () => {
  it('no frame is given out until it is up again', () => {
    const { net, device, interrupts, reports } = openNet()
    device.setLink(false)
    interrupts.dispatch()
    const received = { length: 0, fragmentCount: 0, fragments: [], meta: receiveMeta() }
    expect(net.receive(received)).toBe(false)
    expect(net.linkUp).toBe(false)
    expect(net.acquireTransmit()).toBeNull()
    device.setLink(true)
    interrupts.dispatch()
    net.receive(received)
    expect(net.linkUp).toBe(true)
    expect(net.acquireTransmit()).not.toBeNull()
    expect(reports).toEqual(['link is up', 'link is down', 'link is up'])
  })

  it('from the start, the driver comes up all the same', () => {
    const { net } = openNet({ linkUp: false })
    expect(net.linkUp).toBe(false)
    expect(net.failure).toBe('')
  })

  it('is not believed without STATUS', () => {
    expect(openNet({ features: without('STATUS'), linkUp: false }).net.linkUp).toBe(true)
  })
})

function receiveMeta() {
  return { checksumVerified: false, checksumPartial: false, segmentSize: 0 }
}
