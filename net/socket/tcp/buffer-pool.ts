/** Socket buffers out of a fixed budget: powers of two, split and merged by the buddy method, never given back. */
import type { BufferAllocator, PacketBuffer, PayloadOwner } from '../../storage/buffer.ts'

interface Block {
  readonly buffer: PacketBuffer
  readonly parent: Block | null
  left: Block | null
  right: Block | null
  state: 'free' | 'split' | 'taken'
  /** Bytes of the largest free block here or below: a search never enters where nothing fits. */
  largestFreeBytes: number
}

interface Draining {
  readonly buffer: PacketBuffer
  readonly owners: readonly PayloadOwner[]
}

/** What one buffer may take of what is left, as a fraction: while half of the budget is left, and after that. */
const GENEROUS_SHARE = 8
const FRUGAL_SHARE = 128

export class BufferPool {
  /** Bytes not taken; what is left of the budget, allocated or not. */
  availableBytes: number
  private readonly allocator: BufferAllocator
  private readonly wantedBytes: number
  /** Less than wanted while the platform has no more. */
  private budgetBytes: number
  private readonly largestBytes: number
  private readonly smallestBytes: number
  private readonly roots: Block[] = []
  private readonly taken = new Map<PacketBuffer, Block>()
  private readonly draining: Draining[] = []

  /** `largestBytes` and `smallestBytes` are powers of two. Memory is asked of the allocator as it is needed. */
  constructor(
    allocator: BufferAllocator,
    budgetBytes: number,
    largestBytes: number,
    smallestBytes: number,
  ) {
    requirePowerOfTwo(largestBytes)
    requirePowerOfTwo(smallestBytes)
    this.allocator = allocator
    this.wantedBytes = budgetBytes - (budgetBytes % largestBytes)
    this.budgetBytes = this.wantedBytes
    this.largestBytes = largestBytes
    this.smallestBytes = Math.min(smallestBytes, largestBytes)
    this.availableBytes = this.budgetBytes
  }

  /** True when so many connections are sure to get both of their buffers, one after the other. */
  canServe(count = 1): boolean {
    this.collectDrained()
    return count <= FRUGAL_SHARE / 2 && this.availableBytes >= 2 * this.smallestBytes * count
  }

  /**
   * A buffer of at most `wantedBytes`, halved until a share of what is left covers it: the first connections get all
   * they can use, and many more still get something. Null when there is none.
   */
  acquire(wantedBytes: number): PacketBuffer | null {
    this.collectDrained()
    let lengthBytes = Math.min(wantedBytes, this.largestBytes)
    requirePowerOfTwo(lengthBytes)
    const share = this.availableBytes * 2 > this.budgetBytes ? GENEROUS_SHARE : FRUGAL_SHARE
    while (lengthBytes > this.smallestBytes && lengthBytes * share > this.availableBytes) {
      lengthBytes >>= 1
    }
    for (; lengthBytes >= this.smallestBytes; lengthBytes >>= 1) {
      const buffer = this.take(lengthBytes)
      if (buffer !== null) return buffer
    }
    return null
  }

  /** Takes a buffer back. While frames of `owners` are in flight the device may still read it, so it waits until then. */
  release(buffer: PacketBuffer, owners: readonly PayloadOwner[]): void {
    for (const owner of owners) {
      if (owner.framesInFlight > 0) {
        this.draining.push({ buffer, owners })
        return
      }
    }
    this.giveBack(buffer)
  }

  /** Buffers that wait for the device. */
  drainingCount(): number {
    this.collectDrained()
    return this.draining.length
  }

  private collectDrained(): void {
    for (let index = this.draining.length - 1; index >= 0; index--) {
      const entry = this.draining[index]!
      if (entry.owners.some((owner) => owner.framesInFlight > 0)) continue
      this.draining.splice(index, 1)
      this.giveBack(entry.buffer)
    }
  }

  private take(lengthBytes: number): PacketBuffer | null {
    for (const root of this.roots) {
      const block = this.takeFrom(root, lengthBytes)
      if (block !== null) return this.mark(block)
    }
    if ((this.roots.length + 1) * this.largestBytes > this.wantedBytes) return null
    const root = this.allocateRoot()
    if (root === null) return null
    const block = this.takeFrom(root, lengthBytes)
    return block === null ? null : this.mark(block)
  }

  /** Null when the platform has less than the budget, which is what it gave so far until it has more. */
  private allocateRoot(): Block | null {
    let buffer: PacketBuffer
    try {
      buffer = this.allocator.allocate(this.largestBytes)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      this.limitBudget(this.roots.length)
      return null
    }
    const root = makeBlock(buffer, null)
    this.roots.push(root)
    if (this.roots.length * this.largestBytes > this.budgetBytes)
      this.limitBudget(this.roots.length)
    return root
  }

  private limitBudget(rootCount: number): void {
    const budgetBytes = rootCount * this.largestBytes
    this.availableBytes += budgetBytes - this.budgetBytes
    this.budgetBytes = budgetBytes
  }

  private mark(block: Block): PacketBuffer {
    block.state = 'taken'
    block.largestFreeBytes = 0
    updateParents(block)
    this.taken.set(block.buffer, block)
    this.availableBytes -= block.buffer.lengthBytes
    return block.buffer
  }

  /** A free block of that length under `block`, splitting a larger one only when no fitting one is left of it. */
  private takeFrom(block: Block, lengthBytes: number): Block | null {
    if (block.largestFreeBytes < lengthBytes) return null
    if (block.state === 'free') {
      if (block.buffer.lengthBytes === lengthBytes) return block
      split(block)
    }
    return this.takeFrom(block.left!, lengthBytes) ?? this.takeFrom(block.right!, lengthBytes)
  }

  private giveBack(buffer: PacketBuffer): void {
    const block = this.taken.get(buffer)
    if (block === undefined) throw new RangeError('Cannot release buffer: it is not taken')
    this.taken.delete(buffer)
    this.availableBytes += buffer.lengthBytes
    block.state = 'free'
    block.largestFreeBytes = buffer.lengthBytes
    let parent = block.parent
    let merged = block
    while (parent !== null && parent.left!.state === 'free' && parent.right!.state === 'free') {
      parent.state = 'free'
      parent.largestFreeBytes = parent.buffer.lengthBytes
      merged = parent
      parent = parent.parent
    }
    updateParents(merged)
  }
}

/** As many steps as the budget's largest buffer has halvings, however many buffers are taken. */
function updateParents(block: Block): void {
  for (let parent = block.parent; parent !== null; parent = parent.parent) {
    const left = parent.left!.largestFreeBytes
    const right = parent.right!.largestFreeBytes
    parent.largestFreeBytes = Math.max(left, right)
  }
}

/** The halves are kept when the block is merged again, so that their views are made once. */
function split(block: Block): void {
  block.state = 'split'
  block.largestFreeBytes = block.buffer.lengthBytes >> 1
  if (block.left !== null) {
    block.left.largestFreeBytes = block.largestFreeBytes
    block.right!.largestFreeBytes = block.largestFreeBytes
    return
  }
  const half = block.buffer.lengthBytes >> 1
  block.left = makeHalf(block, 0, half)
  block.right = makeHalf(block, half, half)
}

function makeHalf(parent: Block, offset: number, lengthBytes: number): Block {
  const whole = parent.buffer
  const bytes = whole.bytes.subarray(offset, offset + lengthBytes)
  const buffer: PacketBuffer = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, lengthBytes),
    physicalAddress: whole.physicalAddress + offset,
    lengthBytes,
  }
  return makeBlock(buffer, parent)
}

function makeBlock(buffer: PacketBuffer, parent: Block | null): Block {
  const largestFreeBytes = buffer.lengthBytes
  return { buffer, parent, left: null, right: null, state: 'free', largestFreeBytes }
}

function requirePowerOfTwo(lengthBytes: number): void {
  if (lengthBytes < 1 || (lengthBytes & (lengthBytes - 1)) !== 0) {
    throw new RangeError(`Cannot pool buffers: length is ${lengthBytes}, not a power of two`)
  }
}
