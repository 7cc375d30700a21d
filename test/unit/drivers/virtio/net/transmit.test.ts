/**
 * Sending: scatter-gather, checksums, TSO as it comes out on the wire, ring full, payload owners
 * (virtio 1.4 §5.1.6.2).
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { PacketMeta } from '../../../../../net/phy/offload.ts'
import type { TransmitRecord } from '../../../../../net/phy/transmit-record.ts'
import type { PayloadOwner } from '../../../../../net/storage/buffer.ts'
import { buildTcpFrame, payloadOctet, type TcpFrameOptions } from '../../../../fakes/fake-frames.ts'
import type { FakeMachineOptions } from '../../../../fakes/fake-machine.ts'
import { findChecksumFault, type NetHeader } from '../../../../fakes/fake-segmentation.ts'
import { DEFAULT_NET_FEATURES } from '../../../../fakes/fake-virtio-net.ts'
import {
  createReceivedFrame,
  DEVICE_KINDS,
  type OpenNet,
  openNet,
  useDeviceKind,
  useRingFormat,
} from '../../../../fakes/open-devices.ts'
import { recordOf } from '../../../../support/transmit-records.ts'

describe.each(DEVICE_KINDS)('with a %s:', (kind) => {
  beforeEach(() => useDeviceKind(kind))
  afterEach(() => useRingFormat('split'))

  function without(...names: string[]) {
    return DEFAULT_NET_FEATURES.filter((it) => !names.includes(it))
  }

  interface Sent {
    readonly wire: Uint8Array[]
    readonly headers: NetHeader[]
    readonly owner: { framesInFlight: number }
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
    expect(net.tx.submit(tcpRecord(open, options, sent.owner))).toBe(true)
    net.tx.flush()
    return sent
  }

  /**
   * The record of a TCP frame whose payload, octet i being payloadOctet(i), lies in device memory.
   */
  function tcpRecord(
    { hal }: OpenNet,
    options: SendOptions,
    owner: PayloadOwner,
    meta: Partial<PacketMeta> = {},
  ): TransmitRecord {
    const { bytes, transportOffset, headerLength } = buildTcpFrame({
      checksum: 'seeded',
      ...options,
    })
    for (let i = headerLength; i < bytes.length; i++) bytes[i] = payloadOctet(i - headerLength)
    return recordOf(bytes, {
      headerLength,
      owner,
      ...(options.splitAt === undefined ? {} : { splitAt: options.splitAt }),
      allocate: (lengthBytes) => hal.allocateDma(lengthBytes, 8),
      meta: {
        checksumStart: transportOffset,
        checksumOffset: 16,
        segmentationOffloadSize: options.segmentSize ?? 0,
        ipVersion: options.ipVersion ?? 4,
        congestionWindowReduced: options.congestionWindowReduced ?? false,
        ...meta,
      },
    })
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
        const options = {
          ipVersion: 6 as const,
          payloadLength,
          segmentSize: 1428,
          optionsLength: 12,
        }
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
      const wire: Uint8Array[] = []
      open.device.onFrame = (frame) => wire.push(frame)
      const options = { payloadLength: 3000, segmentSize: 1460, checksum: 0xa17c }
      open.net.tx.submit(tcpRecord(open, options, { framesInFlight: 0 }))
      open.net.tx.flush()
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
      expect(net.tx.submit(recordOf(bytes))).toBe(true)
      net.tx.flush()
      expect(headers).toEqual([expect.objectContaining({ flags: 0, gsoType: 0, checksumStart: 0 })])
    })

    it('has bytes copied behind its headers that the device cannot read', () => {
      const { net, device } = openNet()
      const wire: Uint8Array[] = []
      device.onFrame = (frame) => wire.push(frame)
      const { bytes } = buildTcpFrame({ payloadLength: 1000 })
      const record = recordOf(bytes.subarray(0, 54))
      Object.assign(record, { copied: bytes, copiedOffset: 54, copiedLength: 1000 })
      expect(net.tx.submit(record)).toBe(true)
      net.tx.flush()
      expect(wire).toEqual([bytes])
    })

    it('of a larger MTU still fits its slot', () => {
      const { net, device } = openNet({ features: [...DEFAULT_NET_FEATURES, 'MTU'], mtu: 9000 })
      const wire: Uint8Array[] = []
      device.onFrame = (frame) => wire.push(frame)
      expect(net.capabilities.maxTransmissionUnit).toBe(9000)
      const { bytes } = buildTcpFrame({ payloadLength: 8960 })
      expect(net.tx.submit(recordOf(bytes))).toBe(true)
      net.tx.flush()
      expect(wire).toEqual([bytes])
    })
  })

  describe('a record', () => {
    function metaOf(options: SendOptions): PacketMeta {
      return tcpRecord(openNet(), options, { framesInFlight: 0 }).meta
    }

    /** Sends a frame with just this object as its meta. */
    function submit(open: OpenNet, options: SendOptions, meta: PacketMeta): NetHeader {
      const headers: NetHeader[] = []
      open.device.onTransmit = (_frame, header) => headers.push(header)
      const owner = { framesInFlight: 0 }
      const record = tcpRecord(open, options, owner)
      record.meta = meta
      expect(open.net.tx.submit(record)).toBe(true)
      open.net.tx.flush()
      open.net.tx.reclaim()
      expect(owner.framesInFlight).toBe(0)
      return headers[0]!
    }

    it.each<[string, SendOptions]>([
      ['another segment size', { segmentSize: 1400 }],
      ['no segmentation', { segmentSize: 0, payloadLength: 1000 }],
      ['another family', { ipVersion: 6, segmentSize: 1400 }],
      ['CWR', { congestionWindowReduced: true, flags: 0x90 }],
    ])('asks in a used slot for %s, and then for what it asked before', (_name, change) => {
      const usual: SendOptions = { payloadLength: 4000, segmentSize: 1460 }
      const changed = { ...usual, ...change }
      const meta = metaOf(usual)
      const open = openNet()
      const headers = [
        submit(open, usual, meta),
        submit(open, usual, meta),
        submit(open, changed, metaOf(changed)),
        submit(open, usual, meta),
      ]
      expect(headers[2]).toEqual(submit(openNet(), changed, metaOf(changed)))
      expect(headers[1]).toEqual(headers[0])
      expect(headers[3]).toEqual(headers[0])
      expect(headers[2]).not.toEqual(headers[0])
    })

    it('is not taken while the link is down or the queue is full', () => {
      const open = openNet({ transmitQueueSize: 4 })
      const record = tcpRecord(open, { payloadLength: 0 }, { framesInFlight: 0 })
      open.device.setLink(false)
      open.interrupts.dispatch()
      open.net.rx.receive(createReceivedFrame())
      expect(open.net.tx.submit(record)).toBe(false)
      open.device.setLink(true)
      open.interrupts.dispatch()
      open.net.rx.receive(createReceivedFrame())
      open.device.autoProcess = false
      let count = 0
      while (open.net.tx.submit(record)) count++
      expect(count).toBe(open.net.describe().transmitFrames)
    })
  })

  describe('frames and owners', () => {
    it('are copied when short: their owner may use the memory at once', () => {
      const open = openNet()
      const wire: Uint8Array[] = []
      open.device.onFrame = (frame) => wire.push(frame)
      open.device.autoProcess = false
      for (const payloadLength of [1, 64, 512]) {
        const options = { payloadLength }
        const owner = { framesInFlight: 0 }
        const record = tcpRecord(open, options, owner)
        expect(open.net.tx.submit(record)).toBe(true)
        expect(owner.framesInFlight).toBe(0)
        // What the device reads later is what was there at submit.
        record.payload0!.bytes.fill(0xee)
        open.net.tx.flush()
        open.device.processTransmit()
        expect(wire.pop()).toEqual(buildTcpFrame(options).bytes)
      }
      const owner = { framesInFlight: 0 }
      open.net.tx.submit(tcpRecord(open, { payloadLength: 513 }, owner))
      expect(owner.framesInFlight).toBe(1)
    })

    it('are copied from two ranges too', () => {
      const options = { payloadLength: 300, splitAt: 100 }
      const { wire, owner } = sendTcp(openNet(), options)
      expect(owner.framesInFlight).toBe(0)
      expect(wire).toEqual([buildTcpFrame(options).bytes])
    })

    it('count the owner up at submit and down once the device is done', () => {
      const open = openNet()
      open.device.autoProcess = false
      const { owner } = sendTcp(open, { payloadLength: 4000, segmentSize: 1460 })
      expect(owner.framesInFlight).toBe(1)
      open.net.tx.reclaim()
      expect(owner.framesInFlight).toBe(1)
      open.device.processTransmit()
      open.net.tx.reclaim()
      expect(owner.framesInFlight).toBe(0)
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
      const { bytes } = buildTcpFrame({ payloadLength: 20 })
      const record = recordOf(bytes)
      let count = 0
      while (open.net.tx.submit(record)) count++
      return count
    }

    it('accepts no more, wakes the event loop once there is room, and goes on (V15)', () => {
      const open = openNet({ ...machineOptions, transmitQueueSize: 16 })
      const { net, device, hal, interrupts } = open
      device.autoProcess = false
      const frames = net.describe().transmitFrames
      expect(fill(open)).toBe(frames)
      expect(net.statistics.transmitQueueFull).toBe(1)
      expect(net.tx.submit(recordOf(buildTcpFrame({}).bytes))).toBe(false)
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
      const record = recordOf(buildTcpFrame({ payloadLength: 20 }).bytes)
      for (let count = 0; count < frames; count++) expect(net.tx.submit(record)).toBe(true)
      net.tx.flush()
      // The only barrier left is the one after the request: the device is done just before it.
      const barrier = vi.spyOn(hal, 'memoryBarrier').mockImplementationOnce(() => {
        device.processTransmit()
      })
      expect(net.tx.submit(record)).toBe(true)
      expect(barrier).toHaveBeenCalledTimes(1)
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
      const record = recordOf(bytes)
      for (let i = 0; i < 66_000; i++) {
        expect(open.net.tx.submit(record)).toBe(true)
        if (i % 5 === 0) open.net.tx.flush()
      }
      open.net.tx.flush()
      expect(seen).toBe(66_000)
    }, 60_000)
  })

  describe('with the link down', () => {
    it('no frame is taken until it is up again', () => {
      const { net, device, interrupts, reports } = openNet()
      device.setLink(false)
      interrupts.dispatch()
      const received = createReceivedFrame()
      const record = recordOf(buildTcpFrame({}).bytes)
      expect(net.rx.receive(received)).toBe(false)
      expect(net.link.isUp).toBe(false)
      expect(net.tx.submit(record)).toBe(false)
      device.setLink(true)
      interrupts.dispatch()
      net.rx.receive(received)
      expect(net.link.isUp).toBe(true)
      expect(net.tx.submit(record)).toBe(true)
      expect(reports).toEqual(['link is up', 'link is down', 'link is up'])
    })

    it('from the start, the driver comes up all the same', () => {
      const { net } = openNet({ linkUp: false })
      expect(net.link.isUp).toBe(false)
      expect(net.failure).toBe('')
    })

    it('is not believed without STATUS', () => {
      expect(openNet({ features: without('STATUS'), linkUp: false }).net.link.isUp).toBe(true)
    })
  })
})
