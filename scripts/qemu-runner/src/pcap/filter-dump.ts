/**
 * Reads QEMU's own packet dump (`filter-dump`), which before version 8 has the vnet header of a TAP
 * in front of each frame.
 */
import { readFile } from 'node:fs/promises'
import { type PcapFrame, parsePcap } from './pcap-file.ts'

/**
 * virtio 1.2 §5.1.6: `struct virtio_net_hdr` has 12 octets, or 10 until the guest has negotiated.
 */
const VNET_HEADERS = [12, 10]
const ETHERTYPE_OFFSET = 12
const ETHERTYPES = new Set([0x0800, 0x0806, 0x86dd, 0x8100])
/** NEEDS_CSUM, DATA_VALID and RSC_INFO. */
const MAX_FLAGS = 7
/** NONE, TCPV4, UDP, TCPV6 and UDP_L4; the upper bit is ECN. */
const GSO_TYPES = new Set([0, 1, 3, 4, 5])

export async function readFilterDump(path: string): Promise<PcapFrame[]> {
  return parsePcap(await readFile(path)).map(withoutVnetHeader)
}

/** The frame as it is on a wire; one that starts with a MAC address already comes back as it is. */
export function withoutVnetHeader(frame: PcapFrame): PcapFrame {
  if (hasKnownType(frame.bytes, 0)) return frame
  for (const length of VNET_HEADERS) {
    if (!hasKnownType(frame.bytes, length) || !looksLikeVnetHeader(frame.bytes)) continue
    return { ...frame, length: frame.length - length, bytes: frame.bytes.subarray(length) }
  }
  return frame
}

function hasKnownType(bytes: Buffer, start: number): boolean {
  const at = start + ETHERTYPE_OFFSET
  return bytes.length >= at + 2 && ETHERTYPES.has(bytes.readUInt16BE(at))
}

function looksLikeVnetHeader(bytes: Buffer): boolean {
  return bytes[0]! <= MAX_FLAGS && GSO_TYPES.has(bytes[1]! & 0x7f)
}
