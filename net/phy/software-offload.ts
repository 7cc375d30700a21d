/** Makes any device look like one that checksums and segments, so that the stack has one path. */
import type { BulkOperations } from '../storage/buffer.ts'
import { TCP_CHECKSUM_OFFSET } from '../wire/tcp.ts'
import { sumTransmitRecord } from './frame-checksum.ts'
import {
  type DeviceCapabilities,
  type FrameSeries,
  type NetDevice,
  ONE_BY_ONE,
  type TransmitHalf,
} from './net-device.ts'
import { ChecksumWork, NO_OFFLOAD } from './offload.ts'
import { MAX_SEGMENTED_HEADER_LENGTH, SegmentSplitter } from './segment-splitter.ts'
import { createTransmitRecord, sharePayload, type TransmitRecord } from './transmit-record.ts'

/**
 * Whole frame, Ethernet header included: the largest whose IP length field is real in both
 * families, and what Linux keeps on its fast path.
 */
export const MAX_SUPER_SEGMENT_LENGTH = 65_535

function computesChecksum(work: ChecksumWork): boolean {
  return (work & ChecksumWork.Transmit) === 0
}

/**
 * The device itself when it lacks nothing; else the device with what is missing done in software.
 */
export function withSoftwareOffload(device: NetDevice, bulk: BulkOperations): NetDevice {
  const { checksum, segmentation } = device.capabilities
  const lacksNothing =
    computesChecksum(checksum.tcp) &&
    computesChecksum(checksum.udp) &&
    segmentation.tcpv4 !== undefined &&
    segmentation.tcpv6 !== undefined &&
    segmentation.congestionWindowReduced !== false
  return lacksNothing ? device : new SoftwareOffload(device, bulk)
}

/**
 * Received frames pass untouched: where the device does not verify, the stack does, packet by
 * packet.
 */
class SoftwareOffload implements NetDevice {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  readonly link: NetDevice['link']
  readonly tx: SoftwareTransmit
  readonly rx: NetDevice['rx']

  constructor(device: NetDevice, bulk: BulkOperations) {
    const { checksum, segmentation, maxTransmissionUnit, coalescing } = device.capabilities
    const { hasTransmitQueues } = device.capabilities
    const { udpv4, udpv6 } = segmentation
    const { Receive } = ChecksumWork
    const tx = new SoftwareTransmit(device, bulk)
    this.hardwareAddress = device.hardwareAddress
    this.link = device.link
    this.tx = tx
    this.rx = device.rx
    this.capabilities = {
      maxTransmissionUnit,
      checksum: {
        ...checksum,
        tcp: (checksum.tcp & Receive) as ChecksumWork,
        udp: (checksum.udp & Receive) as ChecksumWork,
      },
      segmentation: {
        tcpv4: tx.segmentsIpv4 ? segmentation.tcpv4! : MAX_SUPER_SEGMENT_LENGTH,
        tcpv6: tx.segmentsIpv6 ? segmentation.tcpv6! : MAX_SUPER_SEGMENT_LENGTH,
        // Without it the sender cuts, which costs no more: datagrams in a row share one header.
        ...(tx.checksumsUdp && udpv4 !== undefined ? { udpv4 } : {}),
        ...(tx.checksumsUdp && udpv6 !== undefined ? { udpv6 } : {}),
        congestionWindowReduced: true,
      },
      ...(coalescing === undefined ? {} : { coalescing }),
      ...(hasTransmitQueues === undefined ? {} : { hasTransmitQueues }),
    }
  }
}

/**
 * What the device can do passes through untouched. A super-segment it cannot take becomes many
 * frames; while some of those wait for room, no other frame is accepted: order is kept, and memory
 * bounded.
 */
class SoftwareTransmit implements TransmitHalf {
  /** Of what the device can do by itself; else frames come one by one. */
  readonly submitSeries?: NonNullable<TransmitHalf['submitSeries']>
  readonly segmentsIpv4: boolean
  readonly segmentsIpv6: boolean
  readonly checksumsUdp: boolean
  private readonly inner: TransmitHalf
  private readonly bulk: BulkOperations
  private readonly splitter: SegmentSplitter
  private readonly checksumsTcp: boolean
  private readonly segmentsReduced: boolean
  /** A frame with its checksum completed: the sender's header stays as it is. */
  private readonly completed = createTransmitRecord(MAX_SEGMENTED_HEADER_LENGTH)

  constructor(device: NetDevice, bulk: BulkOperations) {
    const { checksum, segmentation } = device.capabilities
    this.inner = device.tx
    this.bulk = bulk
    this.checksumsTcp = computesChecksum(checksum.tcp)
    this.checksumsUdp = computesChecksum(checksum.udp)
    // A device that cannot checksum cannot segment either, whatever it offers (virtio 1.4
    // §5.1.3.1).
    this.segmentsIpv4 = this.checksumsTcp && segmentation.tcpv4 !== undefined
    this.segmentsIpv6 = this.checksumsTcp && segmentation.tcpv6 !== undefined
    this.segmentsReduced = segmentation.congestionWindowReduced !== false
    this.splitter = new SegmentSplitter(device.tx, bulk, this.checksumsTcp)
    if (this.segmentsIpv4 && this.segmentsIpv6 && device.tx.submitSeries !== undefined) {
      this.submitSeries = (record, series) => this.passSeries(record, series)
    }
  }

  submit(record: TransmitRecord): boolean {
    const { splitter, inner } = this
    if (splitter.remaining > 0 && !splitter.resume()) return false
    const { meta } = record
    const isTcp = meta.checksumOffset === TCP_CHECKSUM_OFFSET
    if (meta.segmentationOffloadSize > 0) {
      const segments = meta.ipVersion === 4 ? this.segmentsIpv4 : this.segmentsIpv6
      // Of UDP only what the capabilities promise is asked for.
      if (isTcp && (!segments || (meta.congestionWindowReduced && !this.segmentsReduced))) {
        return splitter.begin(record)
      }
    } else if (meta.checksumStart > 0) {
      if (!(isTcp ? this.checksumsTcp : this.checksumsUdp)) {
        return inner.submit(this.completeChecksum(record, isTcp))
      }
    }
    return inner.submit(record)
  }

  private passSeries(record: TransmitRecord, series: FrameSeries): number {
    if (record.meta.congestionWindowReduced && !this.segmentsReduced) return ONE_BY_ONE
    if (this.splitter.remaining > 0 && !this.splitter.resume()) return 0
    return this.inner.submitSeries!(record, series)
  }

  flush(): void {
    if (this.splitter.remaining > 0) this.splitter.resume()
    this.inner.flush()
  }

  reclaim(): void {
    this.inner.reclaim()
    if (this.splitter.remaining > 0) this.splitter.resume()
  }

  private completeChecksum(record: TransmitRecord, isTcp: boolean): TransmitRecord {
    const { completed, bulk } = this
    const { headerLength, meta } = record
    bulk.copy(completed.header, 0, record.header, 0, headerLength)
    completed.headerLength = headerLength
    completed.flowHash = record.flowHash
    sharePayload(completed, record)
    // The seed lies in the field, so the sum over all of it is the checksum.
    let checksum = ~sumTransmitRecord(completed, meta.checksumStart, bulk) & 0xffff
    // RFC 768: a computed zero is sent as all ones.
    if (checksum === 0 && !isTcp) checksum = 0xffff
    completed.view.setUint16(meta.checksumStart + meta.checksumOffset, checksum)
    completed.meta = NO_OFFLOAD
    return completed
  }
}
