/**
 * A bounded queue of datagrams in memory allocated once: bytes in a ring, one record of words and
 * one tag a datagram.
 */

/**
 * Words of a record: where the bytes lie in `bytes`, how many, and from PACKET_WORDS on what the
 * owner stores.
 */
export const PACKET_OFFSET = 0
export const PACKET_LENGTH = 1
export const PACKET_WORDS = 2

const RELEASED = -1

/**
 * First in, first out, but packets may be released in any order: their room is used again once all
 * before them are released. The bytes of a packet are contiguous, so the end of the ring stays
 * unused when a packet does not fit there.
 */
export class PacketQueue<T> {
  readonly bytes: Uint8Array
  /** The record of a slot begins at slot * stride. */
  readonly words: Int32Array
  readonly stride: number
  /** What the owner keeps of each slot. */
  readonly tags: (T | null)[]
  /** Packets not yet released. Read only outside. */
  count = 0
  private readonly slotMask: number
  private head = 0
  /** Slots in use from `head` on, released ones in between included. */
  private span = 0
  private writeOffset = 0
  /** The newest bytes lie before the oldest, from the bytes of `wrapSlot` on. */
  private isWrapped = false
  private wrapSlot = 0

  /**
   * `capacityPackets` is a power of two; `ownWords` is what the owner stores a packet. Throws
   * RangeError otherwise.
   */
  constructor(capacityBytes: number, capacityPackets: number, ownWords: number) {
    if (capacityPackets < 1 || (capacityPackets & (capacityPackets - 1)) !== 0) {
      throw new RangeError(`Cannot make a packet queue: ${capacityPackets} slots`)
    }
    this.bytes = new Uint8Array(capacityBytes)
    this.stride = PACKET_WORDS + ownWords
    this.words = new Int32Array(capacityPackets * this.stride)
    this.tags = new Array<T | null>(capacityPackets).fill(null)
    this.slotMask = capacityPackets - 1
  }

  /**
   * Makes room at the end for `lengthBytes`, which the caller fills in; returns the slot, or -1
   * when there is no room.
   */
  append(lengthBytes: number): number {
    const capacity = this.bytes.length
    let offset = this.writeOffset
    if (this.span === 0) {
      if (lengthBytes > capacity) return -1
      offset = 0
      this.isWrapped = false
    } else {
      if (this.span > this.slotMask) return -1
      const headOffset = this.words[this.head * this.stride]!
      if (this.isWrapped) {
        if (lengthBytes > headOffset - offset) return -1
      } else if (lengthBytes > capacity - offset) {
        if (lengthBytes > headOffset) return -1
        offset = 0
        this.isWrapped = true
        this.wrapSlot = (this.head + this.span) & this.slotMask
      }
    }
    const slot = (this.head + this.span) & this.slotMask
    const record = slot * this.stride
    this.words[record] = offset
    this.words[record + PACKET_LENGTH] = lengthBytes
    this.writeOffset = offset + lengthBytes
    this.span++
    this.count++
    return slot
  }

  /** The oldest packet's slot, or -1. */
  first(): number {
    return this.span === 0 ? -1 : this.head
  }

  /** The slot after this one, which may have been released meanwhile; -1 at the end. */
  next(slot: number): number {
    const end = (this.head + this.span) & this.slotMask
    for (
      let index = (slot + 1) & this.slotMask;
      index !== end;
      index = (index + 1) & this.slotMask
    ) {
      if (this.words[index * this.stride + PACKET_LENGTH] !== RELEASED) return index
    }
    return -1
  }

  /** Gives up a packet that `append` made. */
  release(slot: number): void {
    const { words, stride, slotMask } = this
    this.tags[slot] = null
    this.count--
    if (slot !== this.head) {
      words[slot * stride + PACKET_LENGTH] = RELEASED
      return
    }
    do {
      this.head = (this.head + 1) & slotMask
      this.span--
      if (this.head === this.wrapSlot) this.isWrapped = false
    } while (this.span > 0 && words[this.head * stride + PACKET_LENGTH] === RELEASED)
  }
}
