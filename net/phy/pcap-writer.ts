/** Records every frame in pcap format with nanosecond times, super-segments whole. */
import type { BulkOperations } from '../storage/buffer.ts'
import { DeviceMiddleware } from './device-middleware.ts'
import { gatherReceived, gatherTransmit } from './gather.ts'
import type { NetDevice, ReceivedFrame, TransmitFrame } from './net-device.ts'

/** What libpcap and Wireshark take as "everything": above any super-segment. */
export const PCAP_SNAPLEN = 262_144
const FILE_HEADER_LENGTH = 24
const RECORD_HEADER_LENGTH = 16
const MAGIC_NANOSECONDS = 0xa1b23c4d
const LINKTYPE_ETHERNET = 1
/** Largest frame a device hands over, and some. */
const MAX_FRAME_LENGTH = 66_000

/** Takes a piece of the file; the bytes are valid during the call only. */
export type PcapSink = (bytes: Uint8Array, lengthBytes: number) => void

export class PcapWriter extends DeviceMiddleware {
  private readonly bulk: BulkOperations
  private readonly sink: PcapSink
  private readonly nowNs: () => number
  private readonly record = new Uint8Array(RECORD_HEADER_LENGTH + MAX_FRAME_LENGTH)
  private readonly view = new DataView(this.record.buffer)

  /** Writes the file header at once. `nowNs` gives nanoseconds since an epoch of the caller's choice. */
  constructor(device: NetDevice, bulk: BulkOperations, sink: PcapSink, nowNs: () => number) {
    super(device)
    this.bulk = bulk
    this.sink = sink
    this.nowNs = nowNs
    this.writeFileHeader()
  }

  override commitTransmit(frame: TransmitFrame): void {
    const length = frame.headerLength + frame.payload0Length + frame.payload1Length
    if (length <= MAX_FRAME_LENGTH) {
      gatherTransmit(frame, this.record, RECORD_HEADER_LENGTH, this.bulk)
      this.writeRecord(length)
    }
    this.device.commitTransmit(frame)
  }

  override receive(frame: ReceivedFrame): boolean {
    if (!this.device.receive(frame)) return false
    if (frame.length <= MAX_FRAME_LENGTH) {
      this.writeRecord(gatherReceived(frame, this.record, RECORD_HEADER_LENGTH, this.bulk))
    }
    return true
  }

  private writeFileHeader(): void {
    const view = this.view
    view.setUint32(0, MAGIC_NANOSECONDS)
    view.setUint16(4, 2)
    view.setUint16(6, 4)
    view.setUint32(8, 0)
    view.setUint32(12, 0)
    view.setUint32(16, PCAP_SNAPLEN)
    view.setUint32(20, LINKTYPE_ETHERNET)
    this.sink(this.record, FILE_HEADER_LENGTH)
  }

  private writeRecord(length: number): void {
    const nowNs = this.nowNs()
    const view = this.view
    view.setUint32(0, Math.floor(nowNs / 1e9))
    view.setUint32(4, nowNs % 1e9)
    view.setUint32(8, length)
    view.setUint32(12, length)
    this.sink(this.record, RECORD_HEADER_LENGTH + length)
  }
}
