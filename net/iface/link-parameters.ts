/** What others on the link may say about it: how long packets are, how far they go (RFC 4861 §6.3.2, RFC 2132 §5.1). */

/** RFC 1122 §3.2.1.7 and RFC 8200 §3: what hosts send today. */
export const DEFAULT_HOP_LIMIT = 64
/** RFC 8200 §5: "IPv6 requires that every link in the Internet have an MTU of 1280 octets or greater." */
export const IPV6_MINIMUM_MTU = 1280
/** RFC 1122 §3.3.3: EMTU_S may be as small as 576. Below, a lease would make us send mostly headers. */
export const IPV4_MINIMUM_MTU = 576
/**
 * A router that asks for less is not believed (a declared deviation from RFC 4861 §6.3.4): one forged advertisement would
 * keep everything we send from leaving the next few routers, as RFC 4861 §11.1's off-link attackers wish.
 */
export const LEAST_BELIEVED_HOP_LIMIT = 32

export class LinkParameters {
  /** Largest packets of each family, in bytes; never above the device's. Read only outside. */
  mtu4: number
  mtu6: number
  /** Of IPv6 packets to addresses of one host. Read only outside. */
  hopLimit = DEFAULT_HOP_LIMIT
  private readonly deviceMtu: number

  constructor(deviceMtu: number) {
    this.deviceMtu = deviceMtu
    this.mtu4 = deviceMtu
    this.mtu6 = deviceMtu
  }

  /** 0 = what the device takes. A value that cannot be changes nothing; false then. */
  setMtu4(mtu: number): boolean {
    if (mtu === 0) this.mtu4 = this.deviceMtu
    else if (mtu < IPV4_MINIMUM_MTU || mtu > this.deviceMtu) return false
    else this.mtu4 = mtu
    return true
  }

  /** RFC 4861 §6.3.4: copied when "between the minimum link MTU" and "the default LinkMTU"; else false. */
  setMtu6(mtu: number): boolean {
    if (mtu < IPV6_MINIMUM_MTU || mtu > this.deviceMtu) return false
    this.mtu6 = mtu
    return true
  }

  /** RFC 4861 §6.3.4: 0 leaves it as it is; false when the value is not believed. */
  setHopLimit(hopLimit: number): boolean {
    if (hopLimit === 0) return true
    if (hopLimit < LEAST_BELIEVED_HOP_LIMIT) return false
    this.hopLimit = hopLimit
    return true
  }
}
