/** Writes the headers of a series of frames into their slots, virtio_net_hdr first. */
import type { FrameSeries } from '../../../net/phy/net-device.ts'
import type { PacketMeta } from '../../../net/phy/offload.ts'
import type { TransmitRecord } from '../../../net/phy/transmit-record.ts'
import type { DmaBuffer } from '../../dma-buffer.ts'
import type { HalBulk } from '../../hal.ts'
import { NET_HEADER_BYTES, NET_HEADER_WORDS } from './net-header.ts'
import { type TransmitWords, writeTransmitHeader } from './offload-map.ts'

export class SeriesHeaders {
  private readonly bulk: HalBulk
  private readonly bytes: Uint8Array
  private readonly words: Uint32Array
  /** A slot's number times this is where its header lies. */
  private readonly strideBytes: number
  private readonly transmitWords: TransmitWords
  private readonly netHeader = new Uint32Array(NET_HEADER_WORDS)
  /** What the virtio_net_hdr was last written for. */
  private meta: PacketMeta | null = null
  private headerLength = 0
  /** Its words for all slots: at, first and step of each. */
  private readonly fields = Uint32Array.of(0, 0, 0, 1, 0, 0, 2, 0, 0)

  constructor(bulk: HalBulk, memory: DmaBuffer, strideBytes: number, transmitWords: TransmitWords) {
    const { buffer, byteOffset } = memory.bytes
    this.bulk = bulk
    this.bytes = memory.bytes
    this.words = new Uint32Array(buffer, byteOffset, memory.lengthBytes >> 2)
    this.strideBytes = strideBytes
    this.transmitWords = transmitWords
  }

  write(
    record: TransmitRecord,
    series: FrameSeries,
    slots: Uint16Array,
    from: number,
    to: number,
  ): void {
    const { bulk, bytes, strideBytes, words, fields } = this
    const { meta, headerLength, header } = record
    if (meta !== this.meta || headerLength !== this.headerLength) this.prepare(meta, headerLength)
    bulk.storeSeries(words, strideBytes >> 2, slots, from, to, fields, 0, to - from)
    bulk.writeSeries(
      bytes,
      strideBytes,
      NET_HEADER_BYTES,
      slots,
      from,
      to,
      header,
      headerLength,
      series.layout,
      record.payload0!.bytes,
      record.payload0Offset,
      series.size,
    )
  }

  private prepare(meta: PacketMeta, headerLength: number): void {
    const { netHeader, fields } = this
    writeTransmitHeader(meta, headerLength, netHeader, this.transmitWords)
    this.meta = meta
    this.headerLength = headerLength
    for (let word = 0; word < NET_HEADER_WORDS; word++) fields[3 * word + 1] = netHeader[word]!
  }
}
