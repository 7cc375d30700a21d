/** One slot of the transmit queue: its header memory, virtio_net_hdr included, and what the stack put into it. */
import type { DmaBuffer } from '../../../kernel/hal/dma-buffer.ts'
import type { TransmitFrame } from '../../../net/phy/net-device.ts'
import type { PacketMeta } from '../../../net/phy/offload.ts'
import { NET_HEADER_BYTES, NET_HEADER_WORDS } from './net-header.ts'

type PacketBuffer = TransmitFrame['header']

export class VirtioTransmitFrame implements TransmitFrame {
  readonly slot: number
  readonly header: DmaBuffer
  /** Those of `header`, one step nearer. */
  readonly headerBytes: Uint8Array
  /** The Ethernet header follows the virtio_net_hdr directly: both go out in one descriptor. */
  readonly headerOffset = NET_HEADER_BYTES
  readonly netHeader: Uint32Array
  readonly meta: PacketMeta = {
    segmentationOffloadSize: 0,
    ipVersion: 0,
    checksumStart: 0,
    checksumOffset: 0,
    congestionWindowReduced: false,
  }
  headerLength = 0
  payload0: PacketBuffer | null = null
  payload0Offset = 0
  payload0Length = 0
  payload1: PacketBuffer | null = null
  payload1Offset = 0
  payload1Length = 0
  owner: TransmitFrame['owner'] = null
  /** What the virtio_net_hdr in `header` was last written for by transmit; null = it has to be written. */
  requestedMeta: PacketMeta | null = null
  requestedHeaderLength = 0

  constructor(slot: number, header: DmaBuffer) {
    this.slot = slot
    this.header = header
    this.headerBytes = header.bytes
    const { buffer, byteOffset } = header.bytes
    this.netHeader = new Uint32Array(buffer, byteOffset, NET_HEADER_WORDS)
  }
}
