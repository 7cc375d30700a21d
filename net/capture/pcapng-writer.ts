/**
 * Records every frame in pcapng format as the stack sees it: super-frames whole, times in
 * nanoseconds, decisions as comments.
 */

import { gatherReceived, gatherTransmit } from '../phy/gather.ts'
import type {
  DeviceCapabilities,
  NetDevice,
  ReceivedFrame,
  ReceiveHalf,
  TransmitHalf,
} from '../phy/net-device.ts'
import { frameLength, type TransmitRecord } from '../phy/transmit-record.ts'
import type { BulkOperations } from '../storage/buffer.ts'
import {
  BROADCAST_HIGH,
  BROADCAST_LOW,
  isGroupHardwareAddress,
  readHardwareHigh,
  readHardwareLow,
} from '../wire/mac-address.ts'
import type { CaptureChannel } from './capture-channel.ts'
import { completeChecksum, completeReceivedChecksum } from './captured-checksum.ts'
import type { FrameCommentator } from './frame-commentator.ts'
import { PACKET_DATA_OFFSET, PacketFlag, PcapngBlocks, type TextEncoding } from './pcapng.ts'

/** Longer comments are cut. */
const MAX_COMMENT_LENGTH = 480
/** Of UTF-8 for one UTF-16 unit. */
const MAX_BYTES_A_UNIT = 3
/** Enhanced Packet Block but frame and comment, all paddings included. */
const PACKET_OVERHEAD = PACKET_DATA_OFFSET + 3 + 8 + 12 + 4 + 3 + 4 + 4
/** Section header, interface description or statistics, with their texts. */
const HEADERS_LENGTH = 2048

const SECTION_COMMENT =
  "Recorded by the guest's own network stack: frames as it handed them to the device and took them from it, before " +
  'segmentation and after coalescing. Checksums that the device completes are completed here. Times count from the ' +
  'entry into the guest, to which if_tsoffset adds the wall clock, in whole seconds, if the host has put it in. ' +
  'Comments tell what the stack decided.'

/** One interface of the capture. */
export interface CapturedDevice {
  readonly device: NetDevice
  /** For people. */
  readonly description: string
  /** Of the interface in the capture; `stack`, numbered if there are several, when absent. */
  readonly name?: string
}

export interface PcapngOptions {
  /** In the order of the interfaces that the capture will have. */
  readonly devices: readonly CapturedDevice[]
  readonly bulk: BulkOperations
  readonly channel: CaptureChannel
  readonly encode: TextEncoding
  /** Nanoseconds since an epoch of the caller's choice, an integer below 2^53. */
  readonly nowNs: () => number
  /** Name and version of the system that records. */
  readonly os: string
}

/** One writer for each device, all into one capture. */
export function openPcapng(options: PcapngOptions): readonly PcapngWriter[] {
  const writers: PcapngWriter[] = []
  const section = { ...options, writers, blocks: new PcapngBlocks(options.encode), opening: 0 }
  for (const [index, captured] of options.devices.entries()) {
    writers.push(new PcapngWriter(section, captured, index))
  }
  writers[0]!.begin()
  return writers
}

/** What all writers of one capture share. */
interface CaptureSection extends PcapngOptions {
  readonly writers: readonly PcapngWriter[]
  readonly blocks: PcapngBlocks
  /** The opening of the channel that the section header was written for. */
  opening: number
}

/**
 * A received frame is recorded once the stack is done with it, or once the stack answers it, so
 * that answers follow what they answer. What finds no room is counted, and the next frame recorded
 * says how many were lost.
 */
export class PcapngWriter implements NetDevice, TransmitHalf, ReceiveHalf {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  readonly link: NetDevice['link']
  // Both halves are watched by one: an answer is told of the frame that it answers.
  readonly tx = this
  readonly rx = this
  /** Set once there is a stack above; without one no frame is commented. */
  commentator: FrameCommentator | null = null
  recordedFrames = 0
  /** Frames that found no room in the channel. */
  droppedFrames = 0
  private readonly inner: NetDevice
  private readonly bulk: BulkOperations
  private readonly channel: CaptureChannel
  private readonly blocks: PcapngBlocks
  private readonly nowNs: () => number
  private readonly section: CaptureSection
  private readonly description: string
  private readonly name: string | undefined
  /** Of the interface in the capture. */
  private readonly index: number
  private readonly hardwareHigh: number
  private readonly hardwareLow: number
  private startNs = 0
  private reservedAt = 0
  private droppedSinceLast = 0
  /** The frame the stack is looking at, while it is not recorded. */
  private received: ReceivedFrame | null = null
  private receivedNs = 0
  private isReceiving = false

  /** For openPcapng. */
  constructor(
    section: CaptureSection,
    { device, description, name }: CapturedDevice,
    index: number,
  ) {
    this.name = name
    this.inner = device
    this.capabilities = device.capabilities
    this.hardwareAddress = device.hardwareAddress
    this.link = device.link
    this.section = section
    this.bulk = section.bulk
    this.channel = section.channel
    this.blocks = section.blocks
    this.nowNs = section.nowNs
    this.description = description
    this.index = index
    const { buffer, byteOffset, byteLength } = this.hardwareAddress
    const view = new DataView(buffer, byteOffset, byteLength)
    this.hardwareHigh = readHardwareHigh(view, 0)
    this.hardwareLow = readHardwareLow(view, 0)
  }

  /** Writes what comes first, if somebody listens already. */
  begin(): void {
    this.isRecording()
    this.channel.flush()
  }

  submit(record: TransmitRecord): boolean {
    if (!this.inner.tx.submit(record)) return false
    if (this.isRecording()) {
      this.recordReceived()
      const said = this.commentator?.commentTransmit(record) ?? ''
      const answers = this.isReceiving ? 'answers the packet before it' : ''
      this.recordTransmit(record, joinComments(answers, said))
    }
    return true
  }

  receive(frame: ReceivedFrame): boolean {
    if (!this.inner.rx.receive(frame)) return false
    if (this.isRecording()) {
      this.received = frame
      this.receivedNs = this.nowNs()
      this.isReceiving = true
      this.commentator?.beginReceive()
    }
    return true
  }

  release(frame: ReceivedFrame): void {
    if (this.isReceiving) {
      // An answer may have gone out in between: what was counted after it is told of no frame.
      if (this.received === null) this.commentator?.settleReceive()
      else this.recordReceived()
      this.isReceiving = false
    }
    this.inner.rx.release(frame)
  }

  /**
   * The stack calls this at the start of each of its turns: a reader that has begun to listen since
   * the last turn misses nothing of this one.
   */
  reclaim(): void {
    this.inner.tx.reclaim()
    this.channel.flush()
  }

  /** And this at the end: nothing recorded waits longer. */
  flush(): void {
    this.inner.tx.flush()
    this.channel.flush()
  }

  /**
   * The last words of a run, with the frame it may have ended in: what is left to the caller is to
   * drain the channel.
   */
  close(comment: string): void {
    if (this.isRecording()) {
      const frame = this.received
      this.received = null
      if (frame !== null) this.recordFrame(frame, `not decided: ${comment}`)
      const { blocks } = this
      if (this.reserve(HEADERS_LENGTH)) {
        const total = this.recordedFrames + this.droppedFrames
        blocks.interfaceStatistics(this.index, this.startNs, this.nowNs(), {
          received: total,
          dropped: this.droppedFrames,
          comment,
        })
        this.commit()
      }
    }
    this.channel.flush()
  }

  /** True while somebody listens; writes what each new listener must read first. */
  private isRecording(): boolean {
    const { channel } = this
    if (!channel.isOpen) {
      this.received = null
      return false
    }
    return this.section.opening === channel.openings || this.beginSection()
  }

  private beginSection(): boolean {
    const { section, blocks } = this
    const { writers } = section
    if (!this.reserve(HEADERS_LENGTH * writers.length)) return false
    section.opening = this.channel.openings
    blocks.sectionHeader(section.os, SECTION_COMMENT)
    for (const writer of writers) writer.beginInterface()
    this.commit()
    return true
  }

  private beginInterface(): void {
    this.startNs = this.nowNs()
    this.recordedFrames = 0
    this.droppedFrames = 0
    this.droppedSinceLast = 0
    this.received = null
    this.commentator?.settleReceive()
    const { writers } = this.section
    const hasOne = writers.filter(({ name }) => name === undefined).length === 1
    const name = this.name ?? (hasOne ? 'stack' : `stack.${this.index}`)
    this.blocks.interfaceDescription(name, this.description, this.hardwareAddress)
  }

  private recordTransmit(record: TransmitRecord, comment: string): void {
    const lengthBytes = frameLength(record)
    if (!this.beginPacket(lengthBytes, comment)) return
    const { bytes, view } = this.channel
    const start = this.blocks.offset + PACKET_DATA_OFFSET
    gatherTransmit(record, bytes, start, this.bulk)
    const { checksumStart, checksumOffset } = record.meta
    if (checksumStart > 0) {
      const end = start + lengthBytes
      completeChecksum(bytes, view, start + checksumStart, end, checksumOffset, this.bulk)
    }
    this.endPacket(this.nowNs(), lengthBytes, PacketFlag.Outbound, comment)
  }

  private recordReceived(): void {
    const frame = this.received
    if (frame === null) return
    this.received = null
    this.recordFrame(frame, this.commentator?.commentReceive(frame) ?? '')
  }

  private recordFrame(frame: ReceivedFrame, comment: string): void {
    const lengthBytes = frame.length
    if (!this.beginPacket(lengthBytes, comment)) return
    const { bytes, view } = this.channel
    const start = this.blocks.offset + PACKET_DATA_OFFSET
    gatherReceived(frame, bytes, start, this.bulk)
    if (frame.meta.checksumPartial) {
      completeReceivedChecksum(bytes, view, start, lengthBytes, this.bulk)
    }
    const flags = PacketFlag.Inbound | this.receptionType(view, start, lengthBytes)
    this.endPacket(this.receivedNs, lengthBytes, flags, comment)
  }

  private receptionType(view: DataView, start: number, lengthBytes: number): number {
    if (lengthBytes < 6) return 0
    const high = readHardwareHigh(view, start)
    const low = readHardwareLow(view, start)
    if (high === this.hardwareHigh && low === this.hardwareLow) return PacketFlag.Unicast
    if (high === BROADCAST_HIGH && low === BROADCAST_LOW) return PacketFlag.Broadcast
    return isGroupHardwareAddress(high) ? PacketFlag.Multicast : PacketFlag.Promiscuous
  }

  /** Aims the blocks at room for the frame; false, and the frame is counted, when there is none. */
  private beginPacket(lengthBytes: number, comment: string): boolean {
    const text = Math.min(comment.length, MAX_COMMENT_LENGTH) * MAX_BYTES_A_UNIT
    if (this.reserve(PACKET_OVERHEAD + lengthBytes + text)) return true
    this.droppedFrames++
    this.droppedSinceLast++
    return false
  }

  private endPacket(timeNs: number, lengthBytes: number, flags: number, comment: string): void {
    const text =
      comment.length > MAX_COMMENT_LENGTH ? comment.slice(0, MAX_COMMENT_LENGTH) : comment
    this.blocks.packet(this.index, timeNs, lengthBytes, flags, this.droppedSinceLast, text)
    this.commit()
    this.droppedSinceLast = 0
    this.recordedFrames++
  }

  private reserve(lengthBytes: number): boolean {
    const { channel } = this
    const offset = channel.reserve(lengthBytes)
    if (offset < 0) return false
    this.blocks.aim(channel.bytes, channel.view, offset)
    this.reservedAt = offset
    return true
  }

  private commit(): void {
    this.channel.commit(this.blocks.offset - this.reservedAt)
  }
}

function joinComments(first: string, second: string): string {
  if (first === '') return second
  return second === '' ? first : `${first}; ${second}`
}
