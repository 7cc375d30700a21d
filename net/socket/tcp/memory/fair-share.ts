/**
 * How much socket memory each peer and each listener holds, so that none of them takes what others
 * need.
 */
import type { IpAddress } from '../../../wire/ip-address.ts'

/** What is looked at of a socket. */
export interface MemoryUser {
  readonly remoteAddress: IpAddress
  readonly localPort: number
  readonly isPassive: boolean
}

/**
 * Once memory is scarce, who has more than this fraction of all gets no more than the least
 * buffers, and none of the last: whoever else comes finds some. An IPv6 peer is all of its site, a
 * /48, since a host has 2^64 addresses to come from.
 */
const LARGEST_SHARE = 2

/** At most two entries for each connection that holds memory. */
export class FairShare {
  private readonly byPeer = new Map<number, number>()
  private readonly byListener = new Map<number, number>()

  /** Notes that the socket holds so many bytes more, or fewer. */
  note(user: MemoryUser, bytes: number): void {
    add(this.byPeer, peerKey(user.remoteAddress), bytes)
    if (user.isPassive) add(this.byListener, user.localPort, bytes)
  }

  /** True when so many bytes more are within the shares of those whom they would be for. */
  mayHave(user: MemoryUser, bytes: number, limitBytes: number): boolean {
    const most = limitBytes / LARGEST_SHARE
    const ofPeer = this.byPeer.get(peerKey(user.remoteAddress)) ?? 0
    if (ofPeer + bytes > most) return false
    return !user.isPassive || (this.byListener.get(user.localPort) ?? 0) + bytes <= most
  }
}

function add(shares: Map<number, number>, key: number, bytes: number): void {
  const sum = (shares.get(key) ?? 0) + bytes
  if (sum === 0) shares.delete(key)
  else shares.set(key, sum)
}

/** Exact in a double: an IPv4 address, or the first 48 bits of an IPv6 one. */
function peerKey(address: IpAddress): number {
  if (address.version === 4) return address.word3
  return address.word0 * 0x10000 + (address.word1 >>> 16)
}
