/**
 * The way of what the host sends to itself, for a capture that is told of it: a device with nothing
 * beyond, and from which nothing comes.
 */
import type { NetDevice } from '../phy/net-device.ts'
import { ChecksumWork } from '../phy/offload.ts'

const { None } = ChecksumWork

export const INTERNAL_WAY: NetDevice = {
  capabilities: {
    maxTransmissionUnit: 65_535,
    checksum: { ipv4: None, tcp: None, udp: None, icmpv4: None, icmpv6: None },
    segmentation: {},
  },
  // What those frames have.
  hardwareAddress: new Uint8Array(6),
  link: { isUp: true },
  tx: { submit: () => true, flush() {}, reclaim() {} },
  rx: { receive: () => false, release() {} },
}
