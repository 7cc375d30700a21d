/** What a user may ask of all datagrams that a socket sends. */

export interface DatagramSettings {
  /** Of packets to one host, 1 to 255; 0, which cannot be asked for, is what routers say, or 64. */
  readonly hopLimit: number
  /** Of packets to multicast groups, 1 to 255. */
  readonly groupHopLimit: number
  /** DSCP in the upper six bits, ECN in the lower two. */
  readonly trafficClass: number
  /**
   * Who cuts what the path does not carry whole: 'here' this host, in packets that routers leave
   * alone (RFC 1191, RFC 8200 §4.5); 'anywhere' routers too, which only IPv4 has; 'never' nobody:
   * such datagrams are refused with the path's MTU.
   */
  readonly fragmentation: 'here' | 'anywhere' | 'never'
  /**
   * The device may cut what `sendSegmented` sends; without, or where it cannot, this host does, and
   * the packets are the same.
   */
  readonly segmentationOffload: boolean
  /** Sockets here that listen to a group get what is sent to it from here, too (RFC 1112 §6.1). */
  readonly loopback: boolean
  /** Broadcasts may be sent: whoever does not say so has mistaken an address. */
  readonly broadcast: boolean
}

export const DEFAULT_SETTINGS: DatagramSettings = {
  hopLimit: 0,
  // RFC 1112 §6.1: "it should default to 1 for all multicast IP datagrams"; RFC 3493 §5.2 says so
  // of IPv6.
  groupHopLimit: 1,
  trafficClass: 0,
  fragmentation: 'here',
  segmentationOffload: true,
  loopback: true,
  broadcast: false,
}

/** Throws RangeError for a value that the header cannot hold. */
export function checkSettings(settings: Partial<DatagramSettings>): void {
  const { hopLimit = 1, groupHopLimit = 1, trafficClass = 0 } = settings
  checkRange('hopLimit', hopLimit, 1, 255)
  checkRange('groupHopLimit', groupHopLimit, 1, 255)
  checkRange('trafficClass', trafficClass, 0, 255)
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RangeError(`Cannot set up a socket: ${name} must be ${least} to ${most}, not ${value}`)
}
