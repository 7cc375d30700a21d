/**
 * One slot of the transmit queue: its header memory, virtio_net_hdr included, and what was last
 * asked for with it.
 */

import type { PacketMeta } from '../../../net/phy/offload.ts'
import type { TransmitRecord } from '../../../net/phy/transmit-record.ts'
import type { DmaBuffer } from '../../dma-buffer.ts'
import { NET_HEADER_WORDS } from './net-header.ts'

export class TransmitSlot {
  /** The Ethernet header follows the virtio_net_hdr directly: both go out in one descriptor. */
  readonly bytes: Uint8Array
  readonly netHeader: Uint32Array
  owner: TransmitRecord['owner'] = null
  /** What the virtio_net_hdr was last written for; null = it has to be written. */
  meta: PacketMeta | null = null
  headerLength = 0

  constructor(memory: DmaBuffer) {
    this.bytes = memory.bytes
    const { buffer, byteOffset } = memory.bytes
    this.netHeader = new Uint32Array(buffer, byteOffset, NET_HEADER_WORDS)
  }
}
