/**
 * The network device as the stack sees it: two halves, one that takes records to send, one that
 * gives received frames.
 */
import type { PacketBuffer } from '../storage/buffer.ts'
import type { ChecksumCapabilities, ReceiveMeta, SegmentationCapabilities } from './offload.ts'
import type { TransmitRecord } from './transmit-record.ts'

export interface DeviceCapabilities {
  /** Largest IP packet in bytes, Ethernet header excluded (virtio's `mtu`). */
  readonly maxTransmissionUnit: number
  readonly checksum: ChecksumCapabilities
  readonly segmentation: SegmentationCapabilities
  /** Whether received TCP segments in a row come as one frame; absent = never. */
  readonly coalescing?: { readonly tcpv4: boolean; readonly tcpv6: boolean }
  /** There are several transmit queues: with one full, another may take what one refuses. */
  readonly hasTransmitQueues?: boolean
}

export interface ReceivedFragment {
  buffer: PacketBuffer
  offset: number
  length: number
}

/**
 * One received frame in device memory, valid until it is released. A record the caller owns and
 * reuses. The first fragment holds all of the frame, or at least its first 2048 bytes, so headers
 * are always contiguous. One that was joined may be longer than IP's length field can say, which
 * then is that of its first part (LONGEST_IPV4_FRAME, LONGEST_IPV6_FRAME).
 */
export interface ReceivedFrame {
  /** Bytes of the whole frame, Ethernet header included. */
  length: number
  fragmentCount: number
  readonly fragments: ReceivedFragment[]
  readonly meta: ReceiveMeta
  /** Which of the device's receive queues it came by; 0 where there is one. Below 16. */
  queueIndex: number
}

/**
 * Frames in a row with equally much text, whose headers differ in few fields. Offsets are from the
 * beginning of the frame; of several fields of 16 bits, as the platform takes them.
 */
export interface FrameSeries {
  /**
   * In this order. A number of 32 bits that grows by the length of the text. One of 16 that grows
   * by a step, 0 = none. A range with an Internet checksum in it: its beginning, its length (0 =
   * none), the checksum. What has one together with the text, from here on, an even number of bytes
   * before it (0 = none), and that checksum, in whose place the seed lies. The step.
   */
  readonly layout: Uint16Array
  /** Bytes of text in each frame. */
  size: number
  count: number
}

/** What submitSeries returns for frames that are to be submitted one by one. */
export const ONE_BY_ONE = -1

export interface TransmitHalf {
  /**
   * Queues the frame that the record describes; the device is told by `flush`. False, and nothing
   * done, when the queue is full (the device wakes the event loop once there is room) or the link
   * is down. The record is the sender's again at once; its payload ranges are the device's until
   * the owner's framesInFlight falls.
   */
  submit(record: TransmitRecord): boolean
  /**
   * As `submit` for as many frames of the series as there is room for; returns how many, or
   * ONE_BY_ONE. 0 though `submit` may still take some: what is left is for frames that come by
   * themselves. The record has the header of the first, and in its ranges the text of all, in the
   * first one alone where there are sums over it; the second may go on beyond its buffer's end at
   * its beginning, and again. Absent: they are submitted one by one.
   */
  submitSeries?(record: TransmitRecord, series: FrameSeries): number
  /** Tells the device of all queued frames, with at most one notification. */
  flush(): void
  /**
   * Takes back what the device has finished sending: owners' framesInFlight fall. Cheap when
   * nothing is.
   */
  reclaim(): void
}

/**
 * Which frames are meant: those that begin like one of the patterns in all bits that its mask has
 * set. Of equal lengths, 56 at most.
 */
export interface FrameRules {
  readonly patterns: readonly { readonly pattern: Uint8Array; readonly mask: Uint8Array }[]
}

/** What a device that is asked for many frames at once knows of those to come. */
export interface FrameLookahead {
  /** Of the frames that `upcoming` has told of: see ReceivedFrame. */
  readonly queueIndex: number
  /**
   * How many of the next frames in a row the rules mean, at least; 0 when there is none, or when it
   * is another one.
   */
  upcoming(rules: FrameRules): number
  /**
   * Returns the buffers of so many frames, which `upcoming` has told of, without their having been
   * received.
   */
  skip(count: number): void
}

/**
 * Where frames of one run have what tells them from others, offsets from the beginning of a frame,
 * as HalBulk.countContinuing takes it.
 */
export interface RunLayout {
  /** Of the headers: bits that are equal in all frames. */
  readonly mask: Uint8Array
  /** What precedes the text. */
  readonly headerLength: number
  /** 32 bits: where the text belongs. */
  readonly sequenceAt: number
  /** 16 bits: the length of the frame, less `lengthBias`. */
  readonly lengthAt: number
  readonly lengthBias: number
  /** A range whose Internet checksum must be right; length 0 = none. */
  readonly headerSumAt: number
  readonly headerSumLength: number
  /** From here to the end it must be, with frame length and bias added; 0 = not asked for. */
  readonly textSumAt: number
  readonly textSumBias: number
}

/** Has a device give frames that continue each other as one. */
export interface FrameJoiner {
  /** Shorter frames come alone: nobody need ask for their layout. */
  readonly minLength: number
  /** Of a joined frame. */
  readonly maxLength: number
  /** Longer frames are superseded by none. */
  readonly maxBareLength: number
  /** How the frames look that may continue the one at `offset`; null = none may. */
  layoutOf(
    bytes: Uint8Array,
    offset: number,
    length: number,
    isVouchedFor: boolean,
  ): RunLayout | null
  /**
   * How the frames look that supersede the one at `offset`, which has no text, when they lie behind
   * it: whoever gets them need not have that one. Their number, at `sequenceAt`, is beyond that of
   * the one before. Null = none do.
   */
  bareLayoutOf(
    bytes: Uint8Array,
    offset: number,
    length: number,
    isVouchedFor: boolean,
  ): RunLayout | null
  /** So many frames were superseded. */
  noteSuperseded(frames: number): void
  /**
   * Has the headers of the first, at `offset`, say what the whole is, as far as they can: of
   * `length` bytes, of so many frames, the last of which is at `lastOffset`.
   */
  finish(
    memory: PacketBuffer,
    offset: number,
    length: number,
    lastOffset: number,
    frames: number,
  ): void
}

export interface ReceiveHalf {
  /** Null: every frame comes by itself, as it does where this is absent. */
  joiner?: FrameJoiner | null
  /**
   * Fills `frame` with the next received frame; false when there is none. One may be open at a
   * time.
   */
  receive(frame: ReceivedFrame): boolean
  /** Returns the open frame's buffers to the device. */
  release(frame: ReceivedFrame): void
  /**
   * Absent where each frame must be seen, or where looking ahead would save nothing. Not while a
   * frame is open.
   */
  readonly lookahead?: FrameLookahead
}

/** One object for the life of a device: a field costs its reader nothing. */
export interface LinkState {
  /** False while the link is down: nothing is accepted then. */
  readonly isUp: boolean
}

export interface NetDevice {
  readonly capabilities: DeviceCapabilities
  /** Six bytes. */
  readonly hardwareAddress: Uint8Array
  readonly link: LinkState
  readonly tx: TransmitHalf
  /** May be another one from one turn to the next; not while a frame is open. */
  readonly rx: ReceiveHalf
}
