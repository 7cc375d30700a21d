/** The network device as the stack sees it: frames out by scatter-gather, frames in as fragments, no copies. */
import type { PacketBuffer, PayloadOwner } from '../storage/buffer.ts'
import type {
  ChecksumCapabilities,
  PacketMeta,
  ReceiveMeta,
  SegmentationCapabilities,
} from './offload.ts'

export interface DeviceCapabilities {
  /** Largest IP packet in bytes, Ethernet header excluded (virtio's `mtu`). */
  readonly maxTransmissionUnit: number
  readonly checksum: ChecksumCapabilities
  readonly segmentation: SegmentationCapabilities
}

/**
 * One outgoing frame. The stack writes the headers (or a whole small packet) into `header` from
 * `headerOffset` on and names up to two payload ranges, which the device gathers after it. Owned by the
 * device, valid from acquireTransmit to commitTransmit or cancelTransmit.
 */
export interface TransmitFrame {
  readonly header: PacketBuffer
  /** Where the Ethernet header starts in `header`. Space for 14 + MTU bytes follows at least. */
  readonly headerOffset: number
  /** Bytes written from headerOffset on, Ethernet header included. */
  headerLength: number
  /** Payload ranges in device-visible memory (socket buffers); a range of length 0 is absent. */
  payload0: PacketBuffer | null
  payload0Offset: number
  payload0Length: number
  payload1: PacketBuffer | null
  payload1Offset: number
  payload1Length: number
  /** Whose memory the payload is; counted up at commit and down at completion. Null without payload ranges. */
  owner: PayloadOwner | null
  readonly meta: PacketMeta
}

export interface ReceivedFragment {
  buffer: PacketBuffer
  offset: number
  length: number
}

/**
 * One received frame in device memory, valid until releaseReceive. A record the caller owns and reuses. The
 * first fragment holds all of the frame, or at least its first 2048 bytes, so headers are always contiguous.
 */
export interface ReceivedFrame {
  /** Bytes of the whole frame, Ethernet header included. */
  length: number
  fragmentCount: number
  readonly fragments: ReceivedFragment[]
  readonly meta: ReceiveMeta
}

export interface NetDevice {
  readonly capabilities: DeviceCapabilities
  /** Six bytes. */
  readonly hardwareAddress: Uint8Array
  /** False while the link is down; frames are then not accepted (acquireTransmit returns null). */
  readonly linkUp: boolean

  /**
   * The next outgoing frame, its meta, payload lengths and owner cleared; null when the queue is full or the link is down
   * (the device wakes the event loop once there is room). One frame may be open at a time.
   */
  acquireTransmit(): TransmitFrame | null
  /** Queues the frame. The device is told by flushTransmit. */
  commitTransmit(frame: TransmitFrame): void
  cancelTransmit(frame: TransmitFrame): void
  /** Tells the device of all committed frames, with at most one notification. */
  flushTransmit(): void
  /** Takes back what the device has finished sending: owners' framesInFlight fall. Cheap when nothing is. */
  reclaimTransmit(): void

  /** Fills `frame` with the next received frame; false when there is none. One may be open at a time. */
  receive(frame: ReceivedFrame): boolean
  /** Returns the frame's buffers to the device. */
  releaseReceive(frame: ReceivedFrame): void
}

/** A device to which a frame can be given in one step instead of acquire and commit. */
export interface DirectNetDevice extends NetDevice {
  /**
   * Queues a frame made of the first `headerLength` bytes of `header` and `length` bytes from `offset` of `payload` on, whose end is
   * followed by its start; false, and nothing done, when acquireTransmit would have returned null. Whoever passes the same `meta`
   * again asks for the same: it is not changed once used.
   */
  transmit(
    header: Uint8Array,
    headerLength: number,
    meta: PacketMeta,
    payload: PacketBuffer | null,
    offset: number,
    length: number,
    owner: PayloadOwner | null,
  ): boolean
}

export function isDirect(device: NetDevice): device is DirectNetDevice {
  return 'transmit' in device
}
