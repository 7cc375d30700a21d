/**
 * Segments on behalf of nobody, sent at once: SYN-ACKs, resets for strangers, ACKs of half-open and
 * of ended connections.
 */
import { ORDINARY_FIELDS } from '../../../iface/flow-fields.ts'
import type {
  Egress,
  Flow,
  FlowFields,
  PacketOrigin,
  ReplyFlow,
} from '../../../iface/protocol-handler.ts'
import type { BulkOperations } from '../../../storage/buffer.ts'
import {
  clearTcpOptions,
  composeTcp,
  createTcpHeader,
  TCP_MAX_HEADER_LENGTH,
  type TcpHeader,
} from '../../../wire/tcp.ts'
import type { TcpStatistics } from '../statistics.ts'

const TCP = 6

/** What became of a segment. */
export const SendResult = { Sent: 0, DeviceFull: 1, NoRoute: 2 } as const
export type SendResult = (typeof SendResult)[keyof typeof SendResult]

export class ReplySender {
  /** To be filled before `send`, from `begin` on. */
  readonly header: TcpHeader = createTcpHeader()
  private readonly egress: Egress
  private readonly statistics: TcpStatistics
  private readonly bulk: BulkOperations
  /** The header in host order, and the same memory for storing it in the record. */
  private readonly words = new Int32Array(TCP_MAX_HEADER_LENGTH / 4)
  private readonly wordBytes = new Uint8Array(this.words.buffer)
  /** Of each interface, for IPv4 and for IPv6. */
  private readonly flows4: ReplyFlow[] = []
  private readonly flows6: ReplyFlow[] = []

  constructor(egress: Egress, statistics: TcpStatistics, bulk: BulkOperations) {
    this.bulk = bulk
    this.egress = egress
    this.statistics = statistics
  }

  /** A header from us to the peer, without options; `ports` are as in the headers that it sends. */
  begin(ports: number, sequence: number, acknowledgment: number, flags: number): TcpHeader {
    const { header } = this
    header.sourcePort = ports & 0xffff
    header.destinationPort = ports >>> 16
    header.sequenceNumber = sequence
    header.acknowledgmentNumber = acknowledgment
    header.flags = flags
    header.window = 0
    clearTcpOptions(header)
    return header
  }

  /**
   * Sends a segment that is `header` and nothing else to where `origin` came from, in one queue of
   * the device with the frames of its connection, whose hash that is, and whose headers have these
   * `fields`. What does not leave is lost, as on any link.
   */
  send(
    origin: PacketOrigin,
    flowHash: number,
    nowMs: number,
    fields: FlowFields = ORDINARY_FIELDS,
  ): SendResult {
    const flow = this.flowOf(origin, fields)
    const headerLength = composeTcp(this.words, this.header)
    return this.sendWords(flow, this.wordBytes, headerLength, origin, flowHash, nowMs)
  }

  /** The same of a header that lies in words already, by the flow to that peer. */
  sendWords(
    flow: Flow,
    wordBytes: Uint8Array,
    headerLength: number,
    origin: PacketOrigin,
    flowHash: number,
    nowMs: number,
  ): SendResult {
    const { egress } = this
    // Before prepareReply, which puts the seed of the checksum where a 0 is stored here.
    this.bulk.storeWords(flow.record.header, flow.headerLength, wordBytes, headerLength)
    if (!egress.prepareReply(flow, origin, headerLength, nowMs)) return SendResult.NoRoute
    flow.record.flowHash = flowHash
    if (!egress.submit(flow)) return SendResult.DeviceFull
    this.statistics.segmentsSent++
    return SendResult.Sent
  }

  /** What leads to that peer, once it is sent by. */
  flowOf({ source, arrivalIndex }: PacketOrigin, fields: FlowFields): Flow {
    const { version } = source
    const flows = version === 4 ? this.flows4 : this.flows6
    flows[arrivalIndex] ??= this.egress.openReplyFlow(version, TCP, arrivalIndex)
    const flow = flows[arrivalIndex]
    if (flow.fields !== fields) flow.setFields(fields)
    return flow
  }
}
