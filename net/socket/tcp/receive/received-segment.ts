/**
 * One incoming segment on its way through the slow path: the parsed header and what is left of its
 * payload.
 */

import type { IncomingPacket } from '../../../iface/protocol-handler.ts'
import type { BulkOperations } from '../../../storage/buffer.ts'
import type { RingBuffer } from '../../../storage/ring-buffer.ts'
import { sequenceAdd } from '../../../wire/sequence.ts'
import {
  createTcpHeader,
  parseTcpWords,
  TcpFlag,
  type TcpHeader,
  tcpHeaderLength,
} from '../../../wire/tcp.ts'
import type { TcpSocket, TcpSocketHandler } from '../tcp-socket.ts'

/** A record that the protocol owns and reuses. */
export interface ReceivedSegment {
  readonly header: TcpHeader
  packet: IncomingPacket
  /** Sequence number of the first payload byte left. */
  sequence: number
  /** Offset of that byte from the start of the transport header. */
  payloadOffset: number
  payloadLength: number
  hasFin: boolean
  /** It came with payload or a FIN, whatever is left of them: no duplicate ACK. */
  hasText: boolean
}

/** Makes the record; `packet` is set for every segment before use. */
export function createReceivedSegment(): ReceivedSegment {
  return {
    header: createTcpHeader(),
    packet: null as unknown as IncomingPacket,
    sequence: 0,
    payloadOffset: 0,
    payloadLength: 0,
    hasFin: false,
    hasText: false,
  }
}

/**
 * Parses the packet's TCP header, whose words are in host order, into the record; false when it is
 * malformed.
 */
export function loadSegment(
  segment: ReceivedSegment,
  packet: IncomingPacket,
  words: Int32Array,
): boolean {
  const { header } = segment
  if (tcpHeaderLength(words, packet.transportLength) === 0) return false
  parseTcpWords(words, header)
  segment.packet = packet
  segment.sequence = header.sequenceNumber
  segment.payloadOffset = header.headerLength
  segment.payloadLength = packet.transportLength - header.headerLength
  segment.hasFin = (header.flags & TcpFlag.Fin) !== 0
  segment.hasText = segment.payloadLength > 0 || segment.hasFin
  return true
}

/**
 * Copies `length` bytes that lie `offset` bytes after the start of the transport header into the
 * ring at `position`, out of as many fragments as they span.
 */
export function copyPayload(
  bulk: BulkOperations,
  ring: RingBuffer,
  position: number,
  packet: IncomingPacket,
  offset: number,
  length: number,
): void {
  const fragments = packet.frame.fragments
  let index = 0
  let fragment = fragments[0]!
  // From here on `skip` counts from the start of the fragment.
  let skip = packet.transportOffset - fragment.offset + offset
  let left = length
  let target = position
  while (left > 0) {
    while (skip >= fragment.length) {
      skip -= fragment.length
      fragment = fragments[++index]!
    }
    let count = fragment.length - skip
    if (count > left) count = left
    ring.writeAt(bulk, target, fragment.buffer.bytes, fragment.offset + skip, count)
    target = sequenceAdd(target, count)
    left -= count
    skip += count
  }
}

/**
 * Offers a socket's user `length` bytes that lie `offset` bytes after the start of the transport
 * header, fragment by fragment, until one is not taken whole; returns how many bytes were.
 */
export function offerText(
  socket: TcpSocket,
  handler: TcpSocketHandler,
  packet: IncomingPacket,
  offset: number,
  length: number,
): number {
  const fragments = packet.frame.fragments
  let index = 0
  let fragment = fragments[0]!
  let at = packet.transportOffset + offset
  let count = fragment.offset + fragment.length - at
  let taken = 0
  for (;;) {
    if (count > length - taken) count = length - taken
    // It may begin where the first ends.
    if (count > 0) {
      const accepted = handler.offerData!(socket, fragment.buffer.bytes, at, count)
      taken += accepted
      if (accepted < count || taken === length) return taken
    }
    fragment = fragments[++index]!
    at = fragment.offset
    count = fragment.length
  }
}
