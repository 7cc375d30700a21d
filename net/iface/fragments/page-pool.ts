/**
 * Memory for datagrams that arrive in fragments: pages with maps of what is in them, bounded and
 * used again.
 */
import type { PacketBuffer } from '../../storage/buffer.ts'

export const PAGE_SHIFT = 12
export const PAGE_BYTES = 1 << PAGE_SHIFT
/** All that reassembly takes, where the guest's memory does not say otherwise: 1 MiB. */
export const MAX_REASSEMBLY_PAGES = 256
/**
 * What stays with the pool when nothing is put together: a datagram of the largest size needs 17.
 */
const MAX_SPARE_PAGES = 34
/** A bit for each 8 octets, which is the unit of fragment offsets. */
const MAP_WORDS = PAGE_BYTES >> 8

export interface ReassemblyPage {
  readonly buffer: PacketBuffer
  /** Bit n of word m: octets (32 m + n) * 8 and the seven after it have been received. */
  readonly received: Int32Array
  /** The same octets are the first of a fragment. */
  readonly starts: Int32Array
}

export class PagePool {
  /** Pages in use. Read only outside. */
  used = 0
  readonly limit: number
  private readonly spare: ReassemblyPage[] = []

  constructor(limit = MAX_REASSEMBLY_PAGES) {
    this.limit = limit
  }

  /** How many more pages may be taken. */
  get room(): number {
    return this.limit - this.used
  }

  /** A page with empty maps; there must be room. */
  take(): ReassemblyPage {
    if (this.used >= this.limit) throw new RangeError('Cannot take a page: all are in use')
    this.used++
    return this.spare.pop() ?? createPage()
  }

  give(page: ReassemblyPage): void {
    this.used--
    if (this.spare.length === MAX_SPARE_PAGES) return
    page.received.fill(0)
    page.starts.fill(0)
    this.spare.push(page)
  }
}

function createPage(): ReassemblyPage {
  const bytes = new Uint8Array(PAGE_BYTES)
  const view = new DataView(bytes.buffer)
  return {
    // No device reads or writes it.
    buffer: { bytes, view, physicalAddress: 0, lengthBytes: PAGE_BYTES },
    received: new Int32Array(MAP_WORDS),
    starts: new Int32Array(MAP_WORDS),
  }
}
