/**
 * Which offer a DHCPv4 client takes: the first, but of a server that has let it down only when no
 * other answers, so that one that offers and never gives does not keep it from those that would.
 */
import { type IpAddress, isSameAddress } from '../../wire/ip-address.ts'
import type { Dhcpv4Lease } from './dhcpv4-lease.ts'

export class OfferChoice {
  private blamed: IpAddress | null = null
  private held: Dhcpv4Lease | null = null

  /** What this server has offered came to nothing; null: a lease was had. */
  blame(server: IpAddress | null): void {
    this.blamed = server
  }

  /** True when it is to be taken at once, else it is kept for takeHeld. */
  isWelcome(offer: Dhcpv4Lease): boolean {
    if (this.blamed === null || !isSameAddress(offer.server, this.blamed)) return true
    this.held = offer
    return false
  }

  /** The offer that was kept, for once; null without one. */
  takeHeld(): Dhcpv4Lease | null {
    const { held } = this
    this.held = null
    return held
  }
}
