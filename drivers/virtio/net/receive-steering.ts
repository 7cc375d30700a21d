/**
 * What a device is told of how received flows are spread over its queues (RSS), and whether it can
 * do it (virtio 1.4 §5.1.4.1, §5.1.6.5.7).
 */
import type { VirtioTransport } from '../transport.ts'

const KEY_SIZE_OFFSET = 17
const TABLE_LENGTH_OFFSET = 18
const HASH_TYPES_OFFSET = 20

/** What every device that offers RSS must take: a longer key or table would spread no better. */
export const STEERING_KEY_BYTES = 40
export const STEERING_TABLE_LENGTH = 128

/** §5.1.6.4.3.1 */
const HashType = { IPv4: 1, TCPv4: 2, UDPv4: 4, IPv6: 8, TCPv6: 16, UDPv6: 32 } as const
const OF_FLOWS = HashType.TCPv4 | HashType.TCPv6
/**
 * Those that look at extension headers are left out. A datagram that is fragmented is hashed by its
 * addresses, so that its fragments stay together.
 */
const WANTED = OF_FLOWS | HashType.UDPv4 | HashType.UDPv6 | HashType.IPv4 | HashType.IPv6

/** A secret key has nobody choose which flows share a queue. */
export interface ReceiveSteering {
  /** Kinds of frames that are hashed, as the command has them. */
  readonly hashTypes: number
  /** STEERING_KEY_BYTES of it. */
  readonly key: Uint8Array
}

/** Of a device that offers RSS; a text says why it is left to spread flows by itself. */
export function readSteering(
  transport: Pick<VirtioTransport, 'readConfig8' | 'readConfig16' | 'readConfig32'>,
  key: Uint8Array | null,
): ReceiveSteering | string {
  if (key === null) return 'there is no secret to spread flows by'
  const keyBytes = transport.readConfig8(KEY_SIZE_OFFSET)
  if (keyBytes < STEERING_KEY_BYTES) {
    return `keys of ${keyBytes} octets are too short: ${STEERING_KEY_BYTES} must be taken`
  }
  const entries = transport.readConfig16(TABLE_LENGTH_OFFSET)
  if (entries < STEERING_TABLE_LENGTH) {
    return `a table of ${entries} entries is too short: ${STEERING_TABLE_LENGTH} must be taken`
  }
  const hashTypes = transport.readConfig32(HASH_TYPES_OFFSET) & WANTED
  if ((hashTypes & OF_FLOWS) !== OF_FLOWS) return 'it does not hash TCP of both families'
  return { hashTypes, key }
}
