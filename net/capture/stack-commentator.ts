/**
 * Comments the frames of a capture with what the stack decided about them; only asked while
 * somebody captures.
 */

import type { Stack } from '../api/stack.ts'
import type { Interface } from '../iface/interface.ts'
import type { ReceivedFrame } from '../phy/net-device.ts'
import type { TransmitRecord } from '../phy/transmit-record.ts'
import type { TcpSocket } from '../socket/tcp/tcp-socket.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { type CapturedSegment, findSegment } from './captured-segment.ts'
import type { FrameCommentator } from './frame-commentator.ts'
import { ReceiveComments } from './receive-comment.ts'
import { describeHalfOpen, TransmitComments } from './transmit-comment.ts'

export class StackCommentator implements FrameCommentator {
  private readonly stack: Stack
  private readonly iface: Interface
  private readonly transmits = new TransmitComments()
  private readonly receives: ReceiveComments
  private fastPathSegments = 0
  private controlNotSent = 0

  /** Of the frames of one interface. */
  constructor(stack: Stack, interfaceIndex = 0) {
    this.stack = stack
    this.iface = stack.host.interfaces[interfaceIndex]!
    this.receives = new ReceiveComments(stack, this.iface)
  }

  commentTransmit(record: TransmitRecord): string {
    const segment = findSegment(record.view, 0, record.headerLength)
    if (segment === null) return ''
    const { source, sourcePort, destination, destinationPort, payloadLength } = segment
    const socket = this.find(source, sourcePort, destination, destinationPort)
    const why =
      socket === null ? this.describeHalfOpen(segment) : this.transmits.describe(socket, segment)
    const size = record.meta.segmentationOffloadSize
    const parts = size > 0 ? `${Math.ceil(payloadLength / size)} segments of ${size} octets` : ''
    return join(parts, why)
  }

  beginReceive(): void {
    // What was counted meanwhile may be another interface's.
    if (this.stack.hasZones) this.receives.settle()
    this.fastPathSegments = this.stack.tcp.statistics.fastPathSegments
    this.controlNotSent = this.iface.counters.controlNotSent
  }

  commentReceive(frame: ReceivedFrame): string {
    const size = frame.meta.segmentSize
    // Header prediction takes only what is right in every respect, and counts nothing else: most
    // packets end here.
    const isPlain = this.stack.tcp.statistics.fastPathSegments !== this.fastPathSegments
    if (isPlain && size === 0) return ''
    const first = frame.fragments[0]!
    const { view } = first.buffer
    const segment = findSegment(view, first.offset, first.length)
    const parts =
      size > 0 && segment !== null
        ? `${Math.ceil(segment.payloadLength / size)} segments of ${size} octets, coalesced by the host`
        : ''
    if (isPlain) return parts
    let socket: TcpSocket | null = null
    if (segment !== null) {
      const { source, sourcePort, destination, destinationPort } = segment
      socket = this.find(destination, destinationPort, source, sourcePort)
    }
    const unsent =
      this.iface.counters.controlNotSent === this.controlNotSent
        ? ''
        : 'could not be answered: no room or no route [interface.controlNotSent]'
    return join(parts, join(this.receives.describe(view, segment, socket), unsent))
  }

  settleReceive(): void {
    this.receives.settle()
  }

  private describeHalfOpen(segment: CapturedSegment): string {
    const { source, sourcePort, destination, destinationPort, flags } = segment
    const { tcp } = this.stack
    const attempt = tcp.findHalfOpen(
      ...([source, sourcePort, destination, destinationPort, this.iface.index] as const),
    )
    return attempt === null ? '' : describeHalfOpen(attempt, flags)
  }

  private find(
    local: IpAddress,
    localPort: number,
    remote: IpAddress,
    remotePort: number,
  ): TcpSocket | null {
    return this.stack.tcp.findConnection(
      ...([local, localPort, remote, remotePort, this.iface.index] as const),
    )
  }
}

function join(first: string, second: string): string {
  if (first === '') return second
  return second === '' ? first : `${first}; ${second}`
}
