/**
 * One datagram that arrives in fragments (RFC 791 §3.2, RFC 815, RFC 8200 §4.5): where its bytes
 * lie, and which are there.
 *
 * Its fragmentable part lies in pages, so that memory follows what has arrived, and a map with a
 * bit for each 8 octets says what that is. So a fragment costs the same whatever came before it, in
 * whatever order. A second map marks where fragments begin, which tells a repeated fragment from
 * one that overlaps others.
 */
import type { ReceivedFrame } from '../../phy/net-device.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import { ETHERNET_HEADER_LENGTH } from '../../wire/ethernet.ts'
import { createAddressRecord } from '../../wire/ip-address.ts'
import { PAGE_BYTES, PAGE_SHIFT, type PagePool, type ReassemblyPage } from './page-pool.ts'

/**
 * Where in the first page the fragmentable part begins: before it is room for Ethernet, IP and
 * fragment header.
 */
export const PART_OFFSET = 128
/** Of the longest datagram. */
const MAX_PAGES = (PART_OFFSET + 65_535 + PAGE_BYTES - 1) >> PAGE_SHIFT
const BLOCK_SHIFT = 3
const BLOCKS_A_PAGE_SHIFT = PAGE_SHIFT - BLOCK_SHIFT
const BLOCKS_A_PAGE = 1 << BLOCKS_A_PAGE_SHIFT
const ALL_ONES = new Uint8Array(PAGE_BYTES).fill(0xff)

/** What became of a fragment. */
export const Placement = {
  Stored: 0,
  /** It was there already, octet for octet. */
  Duplicate: 1,
  /**
   * It overlaps another, or does not agree with the others about the end: the datagram is to be
   * dropped.
   */
  Conflict: 2,
} as const
export type Placement = (typeof Placement)[keyof typeof Placement]

/** A fragment as it lies in the frame that brought it. A record the caller owns. */
export interface Fragment {
  frame: ReceivedFrame
  /** Offset of its octets in the buffer of the frame's first fragment. */
  start: number
  /** Octets from the start of the fragmentable part; 8 divides it. */
  offset: number
  /** Octets, at least 1; 8 divides it unless it is the last. */
  length: number
  isLast: boolean
}

/** What one sender's datagrams take together. */
export interface SourceShare {
  datagrams: number
  pages: number
}

export class DatagramAssembly {
  readonly source = createAddressRecord()
  readonly destination = createAddressRecord()
  /** The protocol where that is part of the key, which it is in IPv4, else 0. */
  keyProtocol = 0
  /** Of the first fragment: what its IP or fragment header names next. */
  protocol = 0
  identification = 0
  /** Bucket of the table, and the next in it. */
  key = 0
  next: DatagramAssembly | undefined
  share: SourceShare = { datagrams: 0, pages: 0 }
  deadlineMs = 0
  /** RFC 5722 §4: given up, and what still arrives of it is discarded. */
  isAbandoned = false
  /** Of the frame that brought the first fragment; of any before that. */
  linkSourceHigh = 0
  linkSourceLow = 0
  toGroup = false
  hopLimit = 0
  /** Bit n: a fragment had ECN codepoint n. */
  ecnCodepoints = 0
  /** ECN codepoint of the first fragment. */
  firstEcn = 0
  /** Octets of header kept before PART_OFFSET; 0 = the first fragment is missing. */
  headerLength = 0
  /** Octets of the fragmentable part that the first fragment held. */
  firstLength = 0
  /** Octets of the fragmentable part; -1 = the last fragment is missing. */
  partLength = -1
  private reachedLength = 0
  private blockCount = 0
  private readonly pages: (ReassemblyPage | null)[] = new Array(MAX_PAGES).fill(null)

  /** Forgets everything but the key, which the caller sets. */
  begin(deadlineMs: number): void {
    this.deadlineMs = deadlineMs
    this.isAbandoned = false
    this.toGroup = false
    this.ecnCodepoints = 0
    this.headerLength = 0
    this.firstLength = 0
    this.partLength = -1
    this.reachedLength = 0
    this.blockCount = 0
  }

  get isComplete(): boolean {
    return this.partLength >= 0 && this.blockCount === (this.partLength + 7) >> BLOCK_SHIFT
  }

  /** Pages that a fragment at `offset` needs and that are not there yet. */
  countMissingPages(offset: number, length: number): number {
    const last = (PART_OFFSET + offset + length - 1) >> PAGE_SHIFT
    let missing = 0
    for (let index = (PART_OFFSET + offset) >> PAGE_SHIFT; index <= last; index++) {
      if (this.pages[index] === null) missing++
    }
    return missing
  }

  /** Judges a fragment by what is there, before memory is taken for it. */
  judge(fragment: Fragment, bulk: BulkOperations): Placement {
    const { offset, length } = fragment
    const end = offset + length
    if (fragment.isLast) {
      if (this.partLength >= 0 ? this.partLength !== end : this.reachedLength > end) {
        return Placement.Conflict
      }
    } else if (this.partLength >= 0 && end >= this.partLength) {
      return Placement.Conflict
    }
    const from = (PART_OFFSET + offset) >> BLOCK_SHIFT
    const to = from + ((length + 7) >> BLOCK_SHIFT)
    const present = this.countBlocks(from, to, false)
    if (present === 0) return Placement.Stored
    const isSameRange =
      present === to - from &&
      this.countBlocks(from, from + 1, true) === 1 &&
      this.countBlocks(from + 1, to, true) === 0 &&
      (this.countBlocks(to, to + 1, false) === 0 || this.countBlocks(to, to + 1, true) === 1)
    if (!isSameRange || !this.move(fragment, bulk, true)) {
      return Placement.Conflict
    }
    return Placement.Duplicate
  }

  /** Stores a fragment that was judged so; the pool must have the pages. */
  store(fragment: Fragment, bulk: BulkOperations, pool: PagePool): void {
    const { pages } = this
    const { offset, length } = fragment
    const lastPage = (PART_OFFSET + offset + length - 1) >> PAGE_SHIFT
    for (let index = (PART_OFFSET + offset) >> PAGE_SHIFT; index <= lastPage; index++) {
      if (pages[index] !== null) continue
      pages[index] = pool.take()
      this.share.pages++
    }
    this.move(fragment, bulk, false)
    const from = (PART_OFFSET + offset) >> BLOCK_SHIFT
    const count = (length + 7) >> BLOCK_SHIFT
    this.markBlocks(from, from + count)
    this.blockCount += count
    if (offset + length > this.reachedLength) this.reachedLength = offset + length
    if (fragment.isLast) this.partLength = offset + length
  }

  /** Holds the headers before PART_OFFSET; there once the first fragment is. */
  firstPage(): ReassemblyPage {
    return this.pages[0]!
  }

  /** Gives the pages back. */
  releasePages(pool: PagePool): void {
    const { pages, share } = this
    for (let index = 0; index < MAX_PAGES; index++) {
      const page = pages[index]
      if (page === null || page === undefined) continue
      pages[index] = null
      share.pages--
      pool.give(page)
    }
  }

  /**
   * Describes the first `partLength` octets behind a header of `headerLength` as a frame, as a
   * device would.
   */
  describe(frame: ReceivedFrame, headerLength: number, partLength: number): void {
    let position = PART_OFFSET - headerLength - ETHERNET_HEADER_LENGTH
    const end = PART_OFFSET + partLength
    let count = 0
    for (; position < end; count++) {
      const fragment = frame.fragments[count]!
      const pageEnd = Math.min((count + 1) << PAGE_SHIFT, end)
      fragment.buffer = this.pages[count]!.buffer
      fragment.offset = position - (count << PAGE_SHIFT)
      fragment.length = pageEnd - position
      position = pageEnd
    }
    frame.fragmentCount = count
    frame.length = ETHERNET_HEADER_LENGTH + headerLength + partLength
    // What a device says of a fragment is not about the datagram.
    frame.meta.checksumVerified = false
    frame.meta.checksumPartial = false
    frame.meta.segmentSize = 0
  }

  /** How many blocks of [from, to) are received, or begin a fragment. */
  private countBlocks(from: number, to: number, starts: boolean): number {
    let count = 0
    for (let block = from; block < to; ) {
      const page = this.pages[block >> BLOCKS_A_PAGE_SHIFT]
      const within = block & (BLOCKS_A_PAGE - 1)
      const bit = within & 31
      const width = Math.min(32 - bit, to - block)
      if (page !== null && page !== undefined) {
        const words = starts ? page.starts : page.received
        count += countBits((words[within >> 5]! >>> bit) & maskOf(width))
      }
      block += width
    }
    return count
  }

  private markBlocks(from: number, to: number): void {
    for (let block = from; block < to; ) {
      const page = this.pages[block >> BLOCKS_A_PAGE_SHIFT]!
      const within = block & (BLOCKS_A_PAGE - 1)
      const bit = within & 31
      const width = Math.min(32 - bit, to - block)
      if (block === from) page.starts[within >> 5]! |= 1 << bit
      page.received[within >> 5]! |= maskOf(width) << bit
      block += width
    }
  }

  /**
   * Copies a fragment into the pages, or only compares it with them: then false when they differ.
   */
  private move(fragment: Fragment, bulk: BulkOperations, isComparison: boolean): boolean {
    const { fragments } = fragment.frame
    let index = 0
    let source = fragment.start
    let available = fragments[0]!.offset + fragments[0]!.length - source
    let position = PART_OFFSET + fragment.offset
    let left = fragment.length
    while (left > 0) {
      while (available === 0) {
        index++
        source = fragments[index]!.offset
        available = fragments[index]!.length
      }
      const { bytes } = this.pages[position >> PAGE_SHIFT]!.buffer
      const at = position & (PAGE_BYTES - 1)
      const part = Math.min(left, available, PAGE_BYTES - at)
      const from = fragments[index]!.buffer.bytes
      if (!isComparison) bulk.copy(bytes, at, from, source, part)
      else if (!bulk.matches(bytes, at, from.subarray(source, source + part), ALL_ONES, part)) {
        return false
      }
      source += part
      available -= part
      position += part
      left -= part
    }
    return true
  }
}

/** `width` 1..32 ones. */
function maskOf(width: number): number {
  return width === 32 ? -1 : (1 << width) - 1
}

function countBits(word: number): number {
  let bits = word - ((word >>> 1) & 0x55555555)
  bits = (bits & 0x33333333) + ((bits >>> 2) & 0x33333333)
  return Math.imul((bits + (bits >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24
}
