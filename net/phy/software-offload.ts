/** Makes any device look like one that checksums and segments, so that the stack has one path. */
import type { BulkOperations } from '../storage/buffer.ts'
import { TCP_CHECKSUM_OFFSET } from '../wire/tcp.ts'
import { sumTransmitFrame } from './frame-checksum.ts'
import type { DeviceCapabilities, NetDevice, ReceivedFrame, TransmitFrame } from './net-device.ts'
import { ChecksumWork } from './offload.ts'
import { SegmentSplitter } from './segment-splitter.ts'

/**
 * Whole frame, Ethernet header included: the largest whose IP length field is real in both families, and what
 * Linux keeps on its fast path.
 */
export const MAX_SUPER_SEGMENT_LENGTH = 65_535

function computesChecksum(work: ChecksumWork): boolean {
  return (work & ChecksumWork.Transmit) === 0
}

/** The device itself when it lacks nothing; else the device with what is missing done in software. */
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
 * Frames are the inner device's own: what it can do passes through untouched. A super-segment it cannot take
 * becomes many inner frames; while some of those wait for room, no new frame is given out.
 */
export class SoftwareOffload implements NetDevice {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  private readonly device: NetDevice
  private readonly bulk: BulkOperations
  private readonly splitter: SegmentSplitter
  private readonly checksumsTcp: boolean
  private readonly checksumsUdp: boolean
  private readonly segmentsIpv4: boolean
  private readonly segmentsIpv6: boolean
  private readonly segmentsReduced: boolean

  constructor(device: NetDevice, bulk: BulkOperations) {
    const { checksum, segmentation, maxTransmissionUnit } = device.capabilities
    this.device = device
    this.bulk = bulk
    this.hardwareAddress = device.hardwareAddress
    this.checksumsTcp = computesChecksum(checksum.tcp)
    this.checksumsUdp = computesChecksum(checksum.udp)
    // A device that cannot checksum cannot segment either, whatever it offers (virtio 1.2 §5.1.3.1).
    this.segmentsIpv4 = this.checksumsTcp && segmentation.tcpv4 !== undefined
    this.segmentsIpv6 = this.checksumsTcp && segmentation.tcpv6 !== undefined
    this.segmentsReduced = segmentation.congestionWindowReduced !== false
    this.splitter = new SegmentSplitter(device, bulk, this.checksumsTcp)
    const { Receive } = ChecksumWork
    this.capabilities = {
      maxTransmissionUnit,
      checksum: {
        ...checksum,
        tcp: (checksum.tcp & Receive) as ChecksumWork,
        udp: (checksum.udp & Receive) as ChecksumWork,
      },
      segmentation: {
        tcpv4: this.segmentsIpv4 ? segmentation.tcpv4! : MAX_SUPER_SEGMENT_LENGTH,
        tcpv6: this.segmentsIpv6 ? segmentation.tcpv6! : MAX_SUPER_SEGMENT_LENGTH,
        congestionWindowReduced: true,
      },
    }
  }

  get linkUp(): boolean {
    return this.device.linkUp
  }

  acquireTransmit(): TransmitFrame | null {
    // Order is kept, and memory bounded: first what is pending.
    if (this.splitter.remaining > 0 && !this.splitter.resume()) return null
    return this.device.acquireTransmit()
  }

  commitTransmit(frame: TransmitFrame): void {
    const meta = frame.meta
    if (meta.segmentationOffloadSize > 0) {
      const segments = meta.ipVersion === 4 ? this.segmentsIpv4 : this.segmentsIpv6
      if (!segments || (meta.congestionWindowReduced && !this.segmentsReduced)) {
        this.splitter.begin(frame)
        return
      }
    } else if (meta.checksumStart > 0) {
      const isTcp = meta.checksumOffset === TCP_CHECKSUM_OFFSET
      if (!(isTcp ? this.checksumsTcp : this.checksumsUdp)) this.completeChecksum(frame, isTcp)
    }
    this.device.commitTransmit(frame)
  }

  cancelTransmit(frame: TransmitFrame): void {
    this.device.cancelTransmit(frame)
  }

  flushTransmit(): void {
    if (this.splitter.remaining > 0) this.splitter.resume()
    this.device.flushTransmit()
  }

  reclaimTransmit(): void {
    this.device.reclaimTransmit()
    if (this.splitter.remaining > 0) this.splitter.resume()
  }

  /** Where the device does not verify, the stack does: packet by packet, as the meta says. */
  receive(frame: ReceivedFrame): boolean {
    return this.device.receive(frame)
  }

  releaseReceive(frame: ReceivedFrame): void {
    this.device.releaseReceive(frame)
  }

  /** The seed lies in the field, so the sum over all of it is the checksum. */
  private completeChecksum(frame: TransmitFrame, isTcp: boolean): void {
    const meta = frame.meta
    const start = frame.headerOffset + meta.checksumStart
    let checksum = ~sumTransmitFrame(frame, start, this.bulk, 0) & 0xffff
    // RFC 768: a computed zero is sent as all ones.
    if (checksum === 0 && !isTcp) checksum = 0xffff
    frame.header.view.setUint16(start + meta.checksumOffset, checksum)
    meta.checksumStart = 0
  }
}
