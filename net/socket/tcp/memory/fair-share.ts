/**
 * How much socket memory each peer and each listener holds, so that none of them takes what others
 * need. Nobody adds that up while there is plenty.
 */
import type { RingBuffer } from '../../../storage/ring-buffer.ts'
import type { IpAddress } from '../../../wire/ip-address.ts'

/** What is looked at of a socket. */
export interface MemoryUser {
  readonly remoteAddress: IpAddress
  readonly localPort: number
  readonly isPassive: boolean
  readonly sendBuffer: RingBuffer
  readonly receiveBuffer: RingBuffer
}

/**
 * Once memory is scarce, who has more than this fraction of all gets no more than the least
 * buffers, and none of the last: whoever else comes finds some. An IPv6 peer is all of its site, a
 * /48, since a host has 2^64 addresses to come from.
 */
const LARGEST_SHARE = 2

/** At most two entries for each connection that holds memory. */
export class FairShare {
  /** What is taken and given back must be noted. Read only outside. */
  isKept = false
  private readonly byPeer = new Shares()
  private readonly byListener = new Shares()

  /** From now on they are known: these are all that hold any memory. */
  keep(...holders: readonly Iterable<MemoryUser>[]): void {
    this.isKept = true
    for (const users of holders) {
      for (const user of users) {
        const bytes = user.sendBuffer.capacity + user.receiveBuffer.capacity
        if (bytes > 0) this.note(user, bytes)
      }
    }
  }

  /**
   * There is plenty again, whether or not it ever came to pressure. Not to be called with each
   * buffer that comes back: what is forgotten is known again only by a look at all.
   */
  forget(): void {
    this.isKept = false
    this.byPeer.clear()
    this.byListener.clear()
  }

  /** Notes that the socket holds so many bytes more, or fewer. */
  note(user: MemoryUser, bytes: number): void {
    this.byPeer.add(peerKey(user.remoteAddress), bytes)
    if (user.isPassive) this.byListener.add(user.localPort, bytes)
  }

  /** True when so many bytes more are within the shares of those whom they would be for. */
  mayHave(user: MemoryUser, bytes: number, limitBytes: number): boolean {
    const most = limitBytes / LARGEST_SHARE
    if (this.byPeer.of(peerKey(user.remoteAddress)) + bytes > most) return false
    return !user.isPassive || this.byListener.of(user.localPort) + bytes <= most
  }
}

/**
 * Bytes by key. That of the key noted last lies beside the others: connections come in runs from
 * one peer, to one port.
 */
class Shares {
  private readonly others = new Map<number, number>()
  private last = 0
  private lastBytes = 0

  add(key: number, bytes: number): void {
    if (key !== this.last) this.turnTo(key)
    this.lastBytes += bytes
  }

  clear(): void {
    this.others.clear()
    this.last = 0
    this.lastBytes = 0
  }

  of(key: number): number {
    return key === this.last ? this.lastBytes : (this.others.get(key) ?? 0)
  }

  private turnTo(key: number): void {
    const { others, last, lastBytes } = this
    if (lastBytes !== 0) others.set(last, lastBytes)
    this.last = key
    this.lastBytes = others.get(key) ?? 0
    if (this.lastBytes !== 0) others.delete(key)
  }
}

/** Exact in a double: an IPv4 address, or the first 48 bits of an IPv6 one. */
function peerKey(address: IpAddress): number {
  if (address.version === 4) return address.word3
  return address.word0 * 0x10000 + (address.word1 >>> 16)
}
