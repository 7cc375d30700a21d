/**
 * What the negotiated features mean to the stack: ChecksumCapabilities, SegmentationCapabilities,
 * MTU.
 */
import type { DeviceCapabilities } from '../../../net/phy/net-device.ts'
import type { ChecksumWork, SegmentationCapabilities } from '../../../net/phy/offload.ts'
import type { NetSetup } from './net-setup.ts'

/**
 * Whole frame, Ethernet header included: with 65536 Linux leaves its fast path (gso_max_size) and
 * with 65550 an IPv4 length would not fit its field.
 */
const MAX_SEGMENTATION_BYTES = 65535

/** The values of net/phy's ChecksumWork: drivers import types only from net. */
const BOTH: ChecksumWork = 3
const RECEIVE_ONLY: ChecksumWork = 1
const TRANSMIT_ONLY: ChecksumWork = 2
const NONE: ChecksumWork = 0

export function describeCapabilities(setup: NetSetup): DeviceCapabilities {
  const { offloads } = setup
  const transport = checksumWork(offloads.transmitChecksum, offloads.receiveChecksum)
  const segments = offloads.segmentTcpV4 || offloads.segmentTcpV6
  const segmentation: SegmentationCapabilities = {
    ...(offloads.segmentTcpV4 ? { tcpv4: MAX_SEGMENTATION_BYTES } : {}),
    ...(offloads.segmentTcpV6 ? { tcpv6: MAX_SEGMENTATION_BYTES } : {}),
    ...(offloads.segmentUdp
      ? { udpv4: MAX_SEGMENTATION_BYTES, udpv6: MAX_SEGMENTATION_BYTES }
      : {}),
    ...(segments && !offloads.segmentEcn ? { congestionWindowReduced: false } : {}),
  }
  return {
    maxTransmissionUnit: setup.maxTransmissionUnit,
    checksum: { ipv4: BOTH, tcp: transport, udp: transport, icmpv4: BOTH, icmpv6: BOTH },
    segmentation,
    coalescing: { tcpv4: offloads.coalesceTcpV4, tcpv6: offloads.coalesceTcpV6 },
    ...(setup.queuePairs > 1 ? { hasTransmitQueues: true } : {}),
  }
}

function checksumWork(deviceComputes: boolean, deviceVerifies: boolean): ChecksumWork {
  if (deviceComputes) return deviceVerifies ? NONE : RECEIVE_ONLY
  return deviceVerifies ? TRANSMIT_ONLY : BOTH
}
