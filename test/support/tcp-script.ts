/**
 * Scripts against TCP alone: a peer that sends exact segments, and expectations that also assert
 * the silence after them.
 */
import { expect } from 'vitest'
import { EarliestDeadline } from '../../net/iface/earliest-deadline.ts'
import { ORDINARY_FIELDS } from '../../net/iface/flow-fields.ts'
import { PathNews } from '../../net/iface/path-news.ts'
import type { Egress, Flow, IncomingPacket, ReplyFlow } from '../../net/iface/protocol-handler.ts'
import { createReceivedPacket } from '../../net/iface/received-packet.ts'
import { createTransmitRecord, type TransmitRecord } from '../../net/phy/transmit-record.ts'
import type { NetError } from '../../net/socket/net-error.ts'
import type { TcpConfiguration } from '../../net/socket/tcp/configuration.ts'
import type { TcpListenSocket } from '../../net/socket/tcp/open/listen-socket.ts'
import { TcpProtocol } from '../../net/socket/tcp/tcp-protocol.ts'
import type { TcpSocket, TcpSocketHandler } from '../../net/socket/tcp/tcp-socket.ts'
import type { PacketBuffer, PayloadOwner } from '../../net/storage/buffer.ts'
import {
  type AddressRecord,
  createAddressRecord,
  type IpAddress,
  setAddress,
} from '../../net/wire/ip-address.ts'
import { parseIpAddress } from '../../net/wire/ip-address-text.ts'
import {
  createTcpHeader,
  emitTcp,
  parseTcp,
  TCP_SEQUENCE_OFFSET,
  TcpFlag,
  type TcpHeader,
} from '../../net/wire/tcp.ts'
import { gatherRecord } from './gather-record.ts'
import { createPacketBuffer, testBulk } from './memory.ts'
import { SeededRandom } from './seeded-random.ts'

/** A segment in a script. Sequence numbers of either side count from its own SYN, which is 0. */
export interface ScriptSegment {
  /** Letters of SAFRPUEC. */
  flags: string
  sequence?: number
  acknowledgment?: number
  window?: number
  payload?: Uint8Array | string
  mss?: number
  windowScale?: number
  timestamp?: readonly [value: number, echo: number]
  sackPermitted?: boolean
  /** Left and right edges of our data, numbered as ours. */
  sack?: readonly (readonly [start: number, end: number])[]
  /** The ECN field of the IP header. */
  ecn?: number
  /** Ports other than the connection's. */
  sourcePort?: number
  destinationPort?: number
  /** Coalesced by the device out of segments of this size. */
  coalescedFrom?: number
  /** Option bytes as they are, a multiple of 4. */
  rawOptions?: readonly number[]
  urgentPointer?: number
  /** To a multicast or broadcast address. */
  toGroup?: boolean
}

/** A segment that TCP has sent. */
export interface SentSegment {
  flags: string
  sequence: number
  acknowledgment: number
  window: number
  length: number
  /** 0 = one packet; else what segmentation was asked for. */
  segmentSize: number
  payload: Uint8Array
  mss: number | null
  windowScale: number | null
  timestamp: [number, number] | null
  sackPermitted: boolean
  ecn: number
  /** Edges of the peer's data, numbered as its own. */
  sack: [number, number][]
  sourcePort: number
  destinationPort: number
}

export interface ScriptOptions {
  version?: 4 | 6
  mtu?: number
  /** Largest payload of a frame; 0 = the device does not segment. */
  superSegmentLimit?: number
  configuration?: Partial<TcpConfiguration>
  peerIsn?: number
  /** Frames stay in flight until completeFrames. */
  holdFrames?: boolean
}

/** Connections of a script may queue and are offered at once what others come to on a good path. */
const GROWN_BYTES = 1024 * 1024
const GROWN: Partial<TcpConfiguration> = {
  sendBufferBytes: GROWN_BYTES,
  receiveBufferBytes: GROWN_BYTES,
  initialBufferBytes: GROWN_BYTES,
}

export const LOCAL_PORT = 80
export const PEER_PORT = 40_000

const FLAG_LETTERS: readonly [string, number][] = [
  ['S', TcpFlag.Syn],
  ['F', TcpFlag.Fin],
  ['R', TcpFlag.Rst],
  ['P', TcpFlag.Psh],
  ['A', TcpFlag.Ack],
  ['U', TcpFlag.Urg],
  ['E', TcpFlag.Ece],
  ['C', TcpFlag.Cwr],
]

export const syn = (fields: Partial<ScriptSegment> = {}): ScriptSegment => ({
  flags: 'S',
  sequence: 0,
  window: 65535,
  mss: 1460,
  ...fields,
})

export const ack = (
  acknowledgment: number,
  fields: Partial<ScriptSegment> = {},
): ScriptSegment => ({
  flags: 'A',
  acknowledgment,
  ...fields,
})

export const data = (
  sequence: number,
  payload: Uint8Array | string,
  fields: Partial<ScriptSegment> = {},
): ScriptSegment => ({ flags: 'PA', sequence, payload, ...fields })

export const fin = (sequence: number, fields: Partial<ScriptSegment> = {}): ScriptSegment => ({
  flags: 'FA',
  sequence,
  ...fields,
})

export const rst = (sequence: number, fields: Partial<ScriptSegment> = {}): ScriptSegment => ({
  flags: 'R',
  sequence,
  ...fields,
})

/** What a socket's user was told, in order. */
export class EventLog implements TcpSocketHandler {
  readonly events: string[] = []
  error: NetError | null = null

  onEstablished(): void {
    this.events.push('established')
  }
  onUrgent(socket: TcpSocket): void {
    this.events.push(`urgent ${socket.urgentLength()}`)
  }
  onReadable(): void {
    this.events.push('readable')
  }
  onWritable(): void {
    this.events.push('writable')
  }
  onPeerFinished(): void {
    this.events.push('peer finished')
  }
  onClose(_socket: TcpSocket, error: NetError | null): void {
    this.events.push(`closed ${error === null ? 'in order' : error.code}`)
    this.error = error
  }
}

/** What a device that has not yet read a frame will read, and what it was to read. */
interface HeldFrame {
  readonly owner: PayloadOwner
  readonly ranges: readonly Uint8Array[]
  readonly payload: Uint8Array
}

interface ScriptFlow extends ReplyFlow {
  pathMtu: number
  mayFragment: boolean
  ecn: number
  hopLimit: number
  codePoint: number
}

function createFlow(
  source: IpAddress,
  destination: IpAddress,
  protocol: number,
  pathMtu: number,
): ScriptFlow {
  return {
    interfaceIndex: 0,
    zone: 0,
    ipVersion: destination.version,
    source,
    destination,
    protocol,
    headerLength: destination.version === 4 ? 34 : 54,
    record: createTransmitRecord(54 + 60),
    addressHash: 0,
    pathMtu,
    provenMtu: 0,
    searchMtu: 0,
    pseudoHeaderSum: 0,
    progress: null,
    isResolving: false,
    neighbor: null,
    isSourceLost: false,
    mayFragment: false,
    isWindowReduced: false,
    ecn: 0,
    setCongestionCodepoint(codepoint) {
      this.ecn = codepoint
    },
    allowFragments() {
      const isNew = this.ipVersion === 4 && !this.mayFragment
      this.mayFragment ||= isNew
      return isNew
    },
    fields: ORDINARY_FIELDS,
    setFields(fields) {
      Object.assign(this, { fields })
    },
    hopLimit: 64,
    codePoint: 0,
    setHopLimit(hopLimit) {
      this.hopLimit = hopLimit
    },
    setDifferentiatedServices(codePoint) {
      this.codePoint = codePoint
    },
  }
}

export class TcpScript {
  nowMs = 10_000
  readonly tcp: TcpProtocol
  readonly local: IpAddress
  readonly peer: IpAddress
  readonly peerIsn: number
  /** Of the connection under test; learned from its SYN. */
  localIsn = 0
  localPort = LOCAL_PORT
  peerPort = PEER_PORT
  isDeviceFull = false
  /** So many packets the device takes, and none after them. */
  room = Number.POSITIVE_INFINITY
  /** The device takes frames by themselves only, until it has more room. */
  isCrowded = false
  readonly news = new PathNews()
  isLinkUp = true
  /** Packets that the device did not take. */
  refusals = 0
  isUnreachable = false
  /** How often TCP has said that the path may be dead. */
  suspicions = 0
  /** Sizes that were tried, and whether they arrived. */
  readonly mtuProbes: [number, boolean][] = []
  hasRoute = true
  flows: ScriptFlow[] = []
  /** What the peer advertises and acknowledges when a segment does not say. */
  peerWindow = 65535
  /** Longest fragment of a received frame, as a device with small buffers makes them. */
  fragmentLimit = Number.POSITIVE_INFINITY
  private readonly options: Required<ScriptOptions>
  private readonly sent: SentSegment[] = []
  private readonly inFlight: HeldFrame[] = []
  private readonly flowHashes = new Map<number, number>()
  /** The last `prepare`: what submit sends is as it says. */
  private prepared: { flow: Flow; payloadLength: number; segmentSize: number } | null = null
  private readonly received = createPacketBuffer(70_000)
  readonly packet = createReceivedPacket()

  constructor(options: ScriptOptions = {}) {
    this.options = {
      version: 4,
      mtu: 1500,
      superSegmentLimit: 0,
      configuration: {},
      peerIsn: 0x7fff_fff0,
      holdFrames: false,
      ...options,
    }
    this.peerIsn = this.options.peerIsn
    this.local = parseIpAddress(this.options.version === 4 ? '192.0.2.1' : '2001:db8::1')!
    this.peer = parseIpAddress(this.options.version === 4 ? '192.0.2.9' : '2001:db8::9')!
    this.tcp = new TcpProtocol({
      egress: this.egress,
      allocator: { allocate: createPacketBuffer },
      bulk: testBulk,
      random: new SeededRandom(5),
      configuration: { ...GROWN, ...this.options.configuration },
    })
  }

  // --- What happens ------------------------------------------------------------------------------

  /** The peer's segments arrive in one batch: nothing is sent before all are processed. */
  send(...segments: ScriptSegment[]): void {
    for (const segment of segments) this.tcp.process(this.toPacket(segment), this.nowMs)
  }

  /**
   * TCP has its turn; what it sends is compared field by field with what is expected, and nothing
   * else may come.
   */
  expectSegments(...expected: Partial<SentSegment>[]): SentSegment[] {
    this.dispatch()
    const sent = this.sent.splice(0)
    const wanted = expected.map((segment) => expect.objectContaining(segment))
    expect(sent.map(describe)).toEqual(sent.length === expected.length ? wanted : expected)
    return sent
  }

  expectSilence(): void {
    this.expectSegments()
  }

  /** Gives TCP its turn and forgets what it sent. */
  drain(): SentSegment[] {
    this.dispatch()
    return this.sent.splice(0)
  }

  /** Time passes; TCP has a turn at each of its deadlines. */
  advance(durationMs: number): void {
    const endMs = this.nowMs + durationMs
    this.dispatch()
    for (;;) {
      const deadlineMs = this.tcp.nextDeadlineMs(this.nowMs)
      if (deadlineMs > endMs) break
      this.nowMs = Math.max(deadlineMs, this.nowMs)
      this.dispatch()
    }
    this.nowMs = endMs
  }

  /**
   * Time passes until TCP sends something by itself, at most `limitMs`; returns how long it took.
   */
  advanceUntilSent(limitMs = 200_000): number {
    const startMs = this.nowMs
    this.dispatch()
    while (this.sent.length === 0) {
      const deadlineMs = this.tcp.nextDeadlineMs(this.nowMs)
      if (deadlineMs > startMs + limitMs) throw new Error(`Cannot wait: silent for ${limitMs} ms`)
      this.nowMs = Math.max(deadlineMs, this.nowMs)
      this.dispatch()
    }
    return this.nowMs - startMs
  }

  /** The device reads frames that it holds as late as it may: now. */
  completeFrames(): void {
    for (const { owner, ranges, payload } of this.inFlight.splice(0)) {
      owner.framesInFlight--
      if (!this.options.holdFrames || Buffer.concat(ranges).equals(payload)) continue
      throw new Error('What the device was still to read has been written over')
    }
  }

  // --- Connections in a given state --------------------------------------------------------------

  listen(backlog = 4): TcpListenSocket {
    return this.tcp.listen({ port: LOCAL_PORT, backlog })
  }

  /** A connection that the peer opened, in ESTABLISHED, with a log as its handler. */
  establish(fields: Partial<ScriptSegment> = {}): { socket: TcpSocket; log: EventLog } {
    const listener = this.listen()
    this.send(syn(fields))
    this.expectSegments({ flags: 'SA', sequence: 0, acknowledgment: 1 })
    this.send(ack(1, { sequence: 1, ...this.echo(fields) }))
    this.expectSilence()
    const socket = listener.accept()!
    const log = new EventLog()
    socket.handler = log
    return { socket, log }
  }

  /** A connection that this side opened, in SYN-SENT. */
  connect(): { socket: TcpSocket; log: EventLog } {
    const log = new EventLog()
    const socket = this.tcp.connect(
      { address: this.peer, port: PEER_PORT, handler: log },
      this.nowMs,
    )
    this.localPort = socket.localPort
    this.localIsn = socket.initialSendSequence
    return { socket, log }
  }

  /**
   * Timestamps for a segment when the connection uses them: the peer's clock is this script's time.
   */
  private echo(fields: Partial<ScriptSegment>): Partial<ScriptSegment> {
    return fields.timestamp === undefined ? {} : { timestamp: [fields.timestamp[0] + 1, 0] }
  }

  private dispatch(): void {
    for (let turn = 0; this.tcp.dispatch(this.egress, this.nowMs); turn++) {
      if (this.isDeviceFull || this.room === 0 || turn > 100) break
    }
    if (!this.options.holdFrames) this.completeFrames()
  }

  // --- The network under TCP ---------------------------------------------------------------------

  private readonly egress: Egress = {
    deadline: new EarliestDeadline(),
    segmentation: { tcpv4: true, tcpv6: true, udp: true },
    isCutOff: () => false,
    wayCount: 1,
    hasInternalFlows: false,
    news: this.news,
    wayOf: () => 0,
    isWayOpen: () => this.isLinkUp,
    openFlow: (destination, source, protocol) => {
      if (!this.hasRoute) return null
      const flow = createFlow(source ?? this.local, destination, protocol, this.options.mtu)
      this.flows.push(flow)
      return flow
    },
    closeFlow: () => {},
    openReplyFlow: (ipVersion, protocol) =>
      createFlow(
        createAddressRecord(ipVersion),
        createAddressRecord(ipVersion),
        protocol,
        this.options.mtu,
      ),
    // No neighbor is needed for an answer.
    prepareReply: (flow, origin, headerLength) => {
      if (!this.hasRoute) return false
      setAddress(flow.source as AddressRecord, origin.destination)
      setAddress(flow.destination as AddressRecord, origin.source)
      this.prepared = { flow, payloadLength: 0, segmentSize: 0 }
      flow.record.headerLength = flow.headerLength + headerLength
      return true
    },
    prepare: (flow, headerLength, payloadLength, segmentSize) => {
      if (this.isUnreachable) return false
      this.prepared = { flow, payloadLength, segmentSize }
      flow.record.headerLength = flow.headerLength + headerLength
      return true
    },
    submit: (flow) => {
      const { prepared } = this
      const { record } = flow
      if (prepared?.flow !== flow) throw new Error('Cannot submit: the flow is not prepared')
      if (this.isDeviceFull || this.room === 0 || !this.isLinkUp) {
        this.refusals++
        return false
      }
      this.room--
      expect(record.payload0Length + record.payload1Length).toBe(prepared.payloadLength)
      const { owner } = record
      expect(owner === null).toBe(record.payload0Length === 0)
      if (owner !== null) {
        owner.framesInFlight++
      }
      const segment = this.read(flow, prepared.segmentSize)
      if (owner !== null) {
        this.inFlight.push({ owner, ranges: rangesOf(record), payload: segment.payload })
      }
      this.sent.push(segment)
      return true
    },
    submitSeries: (flow, length, count) => {
      const { record, headerLength } = flow
      const whole = { ...record }
      expect(whole.payload0Length + whole.payload1Length).toBe(length * count)
      const at = headerLength + TCP_SEQUENCE_OFFSET
      const sequence = record.view.getUint32(at)
      // Of some it takes them all, of others the first ones or none.
      const most = Math.min(count, this.sent.length % 4)
      if (this.isCrowded) return 0
      if (most === 0) return -1
      let taken = 0
      while (taken < most) {
        const start = taken * length
        const inFirst = Math.max(0, Math.min(length, whole.payload0Length - start))
        if (inFirst === 0) {
          // The second range may be a ring that it goes through again and again.
          const ring = whole.payload1!
          const at = whole.payload1Offset + start - whole.payload0Length
          record.payload0 = ring
          record.payload0Offset = at % ring.lengthBytes
          record.payload0Length = Math.min(length, ring.lengthBytes - record.payload0Offset)
          record.payload1Offset = 0
          record.payload1Length = length - record.payload0Length
        } else {
          record.payload1Offset = whole.payload1Offset
          record.payload0Offset = whole.payload0Offset + start
          record.payload0Length = inFirst
          record.payload1Length = length - inFirst
        }
        record.view.setUint32(at, sequence + start)
        const { payload0, payload0Offset, payload0Length, payload1Length } = record
        expect(payload0Offset + payload0Length).toBeLessThanOrEqual(payload0!.lengthBytes)
        if (payload1Length > 0) {
          const end = record.payload1Offset + payload1Length
          expect(end).toBeLessThanOrEqual(whole.payload1!.lengthBytes)
        }
        if (!this.egress.submit(flow)) break
        taken++
      }
      record.view.setUint32(at, sequence)
      return taken
    },
    submitFragments: () => {
      throw new Error('Cannot send fragments: TCP sends segments that fit')
    },
    noteBlackHole: (flow) => {
      if (flow.pathMtu <= 1064) return false
      flow.pathMtu = 1064
      return true
    },
    noteMtuProbe: (flow, probedMtu, hasArrived) => {
      this.mtuProbes.push([probedMtu, hasArrived])
      if (hasArrived) flow.pathMtu = flow.searchMtu
      flow.searchMtu = 0
    },
    superSegmentLimit: () => this.options.superSegmentLimit,
    isUnreachable: () => this.isUnreachable,
    suspect: () => {
      this.suspicions++
    },
  }

  /** All segments of a connection leave by one queue of the device, those of before it too. */
  private expectOneQueue({ sourcePort, destinationPort }: TcpHeader, flowHash: number): void {
    const ports = (destinationPort << 16) | sourcePort
    const hash = this.flowHashes.get(ports) ?? flowHash
    this.flowHashes.set(ports, hash)
    if (flowHash !== hash) throw new Error('Segments of one connection leave by two queues')
  }

  private read(flow: Flow, segmentSize: number): SentSegment {
    const { record } = flow
    const header = createTcpHeader()
    const headerLength = record.headerLength - flow.headerLength
    expect(parseTcp(record.view, flow.headerLength, headerLength, header)).toBe(true)
    this.expectOneQueue(header, record.flowHash)
    expect(header.headerLength).toBe(headerLength)
    const flags = FLAG_LETTERS.filter(([, bit]) => (header.flags & bit) !== 0)
    const payload = gatherRecord(record).subarray(record.headerLength)
    if (segmentSize === 0) {
      expect(payload.length + headerLength + flow.headerLength - 14).toBeLessThanOrEqual(
        flow.pathMtu,
      )
    } else {
      expect(payload.length).toBeGreaterThan(segmentSize)
      expect(header.flags & (TcpFlag.Syn | TcpFlag.Rst | TcpFlag.Urg)).toBe(0)
    }
    if ((header.flags & TcpFlag.Syn) !== 0) this.localIsn = header.sequenceNumber
    const hasAck = (header.flags & TcpFlag.Ack) !== 0
    return {
      flags: flags.map(([letter]) => letter).join(''),
      sequence: (header.sequenceNumber - this.localIsn) | 0,
      acknowledgment: hasAck ? (header.acknowledgmentNumber - this.peerIsn) | 0 : 0,
      window: header.window,
      length: payload.length,
      segmentSize,
      payload,
      mss: header.hasMss ? header.mss : null,
      windowScale: header.hasWindowScale ? header.windowScale : null,
      timestamp: header.hasTimestamps ? [header.timestampValue, header.timestampEcho] : null,
      sackPermitted: header.sackPermitted,
      ecn: (flow as ScriptFlow).ecn,
      sack: Array.from({ length: header.sackBlockCount }, (_, index) => [
        (header.sackBlocks[2 * index]! - this.peerIsn) | 0,
        (header.sackBlocks[2 * index + 1]! - this.peerIsn) | 0,
      ]),
      sourcePort: header.sourcePort,
      destinationPort: header.destinationPort,
    }
  }

  private toPacket(segment: ScriptSegment): IncomingPacket {
    const header = createTcpHeader()
    header.sourcePort = segment.sourcePort ?? this.peerPort
    header.destinationPort = segment.destinationPort ?? this.localPort
    header.sequenceNumber = ((segment.sequence ?? 1) + this.peerIsn) | 0
    header.acknowledgmentNumber = ((segment.acknowledgment ?? 1) + this.localIsn) | 0
    header.window = segment.window ?? this.peerWindow
    header.urgentPointer = segment.urgentPointer ?? 0
    for (const [letter, bit] of FLAG_LETTERS) {
      if (segment.flags.includes(letter)) header.flags |= bit
    }
    header.hasMss = segment.mss !== undefined
    header.mss = segment.mss ?? 0
    header.hasWindowScale = segment.windowScale !== undefined
    header.windowScale = segment.windowScale ?? 0
    header.hasTimestamps = segment.timestamp !== undefined
    header.timestampValue = segment.timestamp?.[0] ?? 0
    header.timestampEcho = segment.timestamp?.[1] ?? 0
    header.sackPermitted = segment.sackPermitted ?? false
    for (const [start, end] of segment.sack ?? []) {
      const index = 2 * header.sackBlockCount++
      header.sackBlocks[index] = (start + this.localIsn) | 0
      header.sackBlocks[index + 1] = (end + this.localIsn) | 0
    }
    const { view, bytes } = this.received
    const offset = 40
    bytes.fill(0xee, 0, 200)
    let headerLength = emitTcp(view, offset, header)
    if (segment.rawOptions !== undefined) {
      bytes.set(segment.rawOptions, offset + headerLength)
      headerLength += segment.rawOptions.length
      bytes[offset + 12] = (headerLength / 4) << 4
    }
    const payload = toBytes(segment.payload ?? '')
    bytes.set(payload, offset + headerLength)
    this.packet.ecn = segment.ecn ?? 0
    const packet = this.wrap(offset, headerLength + payload.length, segment.coalescedFrom ?? 0)
    packet.toGroup = segment.toGroup ?? false
    return packet
  }

  private copyOf(start: number, length: number): PacketBuffer {
    const buffer = createPacketBuffer(length)
    buffer.bytes.set(this.received.bytes.subarray(start, start + length))
    return buffer
  }

  private wrap(offset: number, length: number, coalescedFrom: number): IncomingPacket {
    const { packet } = this
    const isV4 = this.options.version === 4
    Object.assign(packet, {
      ipVersion: this.options.version,
      protocol: 6,
      source: this.peer,
      destination: this.local,
      transportOffset: offset,
      transportLength: length,
    })
    const start = offset - (isV4 ? 34 : 40)
    const frameLength = offset - start + length
    let fragmentCount = 0
    for (let at = 0; at < frameLength; fragmentCount++) {
      const fragmentLength = Math.min(frameLength - at, this.fragmentLimit)
      const buffer = fragmentCount === 0 ? this.received : this.copyOf(start + at, fragmentLength)
      Object.assign(packet.frame.fragments[fragmentCount]!, {
        buffer,
        offset: fragmentCount === 0 ? start : 0,
        length: fragmentLength,
      })
      at += fragmentLength
    }
    Object.assign(packet.frame, { length: frameLength, fragmentCount })
    packet.frame.meta.segmentSize = coalescedFrom
    return packet
  }
}

/** Where the payload lies. */
function rangesOf(record: TransmitRecord): Uint8Array[] {
  const { payload0, payload0Offset, payload0Length } = record
  const { payload1, payload1Offset, payload1Length } = record
  const ranges = [payload0!.bytes.subarray(payload0Offset, payload0Offset + payload0Length)]
  if (payload1Length > 0) {
    ranges.push(payload1!.bytes.subarray(payload1Offset, payload1Offset + payload1Length))
  }
  return ranges
}

/** Payload left out of failure messages: they would be unreadable. */
function describe(segment: SentSegment): Omit<SentSegment, 'payload'> {
  const { payload: _, ...rest } = segment
  return rest
}

function toBytes(payload: Uint8Array | string): Uint8Array {
  return typeof payload === 'string' ? new TextEncoder().encode(payload) : payload
}
