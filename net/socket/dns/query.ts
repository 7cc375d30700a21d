/**
 * One query as it was sent, and whether a message that came is the response to it (RFC 5452 §9.1).
 */
import type { IncomingPacket } from '../../iface/protocol-handler.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import { readReceivedUint16 } from '../../phy/gather.ts'
import {
  DNS_HEADER_LENGTH,
  type DnsMessage,
  type DnsQuestion,
  DnsStatus,
  emitQuery,
  parseResponse,
} from '../../wire/dns.ts'
import type { DnsStatistics } from './statistics.ts'

export class Query {
  readonly bytes: Uint8Array
  readonly hasEdns: boolean
  private readonly id: number
  private readonly question: DnsQuestion

  constructor(question: DnsQuestion, isRecursive: boolean, hasEdns: boolean, random: RandomSource) {
    this.question = question
    this.hasEdns = hasEdns
    this.id = random.nextInt32() & 0xffff
    this.bytes = emitQuery(this.id, question, isRecursive, hasEdns)
  }

  /**
   * Whether a datagram has the query's id, before it is queued: a burst of forged ones must not
   * push the true answer out (RFC 5452 §9.1). Then it is counted why not.
   */
  isNamedBy(packet: IncomingPacket, start: number, length: number, statistics: DnsStatistics) {
    const { drops } = statistics
    if (length < DNS_HEADER_LENGTH) {
      drops.malformed++
      return false
    }
    if (readReceivedUint16(packet.frame, start) === this.id) return true
    drops.wrongId++
    return false
  }

  /**
   * The response, or null: then it is counted why, and the wait goes on. Where it came from is the
   * socket's to check.
   */
  read(message: Uint8Array, statistics: DnsStatistics): DnsMessage | null {
    const response = parseResponse(message)
    const { drops } = statistics
    if (response === null) drops.malformed++
    else if (response.id !== this.id) drops.wrongId++
    else if (!this.isAnsweredBy(response)) drops.wrongQuestion++
    else {
      statistics.responses++
      return response
    }
    return null
  }

  private isAnsweredBy({ question, questionCount, status }: DnsMessage): boolean {
    // A server that could not read the question cannot repeat it.
    if (questionCount === 0) return status === DnsStatus.FormatError
    return (
      question !== null &&
      question.name === this.question.name &&
      question.type === this.question.type
    )
  }
}
