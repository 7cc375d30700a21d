/**
 * Socket buffers out of a fixed budget: powers of two, split and merged by the buddy method, never
 * given back to the platform.
 */
import type { BufferAllocator, PacketBuffer, PayloadOwner } from '../../storage/buffer.ts'

/** One of the pool's own, which knows its place in the tree. */
interface PooledBuffer extends PacketBuffer {
  block: Block | null
}

interface Block {
  readonly buffer: PooledBuffer
  readonly parent: Block | null
  left: Block | null
  right: Block | null
  state: 'free' | 'split' | 'taken' | 'spare'
  /** Bytes of the largest free block here or below: a search never enters where nothing fits. */
  largestFreeBytes: number
}

interface Draining {
  readonly buffer: PacketBuffer
  readonly owners: readonly PayloadOwner[]
}

/**
 * Memory is asked of the platform in pieces of so much at least, each as large as all before
 * together.
 */
const FIRST_ROOT_BYTES = 1 << 18

/**
 * So many of the least size stay as they come back: small requests take and return one a
 * connection, which splitting and merging up to a root would cost 60,000 instructions.
 */
const SPARE_BLOCKS = 64

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
  private rootBytes = 0
  /** Of the least size and to be had, though the tree has them for taken; the latest is last. */
  private readonly spare: Block[] = []
  private readonly draining: Draining[] = []

  /**
   * `largestBytes` and `smallestBytes` are powers of two. Memory is asked of the allocator as it is
   * needed.
   */
  constructor(
    allocator: BufferAllocator,
    budgetBytes: number,
    largestBytes: number,
    smallestBytes: number,
  ) {
    requirePowerOfTwo(largestBytes)
    requirePowerOfTwo(smallestBytes)
    this.allocator = allocator
    this.smallestBytes = Math.min(smallestBytes, largestBytes)
    this.wantedBytes = budgetBytes - (budgetBytes % this.smallestBytes)
    this.budgetBytes = this.wantedBytes
    this.largestBytes = largestBytes
    this.availableBytes = this.budgetBytes
  }

  /** All that may be taken together; less than wanted while the platform has no more. */
  get limitBytes(): number {
    return this.budgetBytes
  }

  /** A buffer of that length, a power of two; null when there is none, or none in one piece. */
  acquire(lengthBytes: number): PacketBuffer | null {
    requirePowerOfTwo(lengthBytes)
    if (lengthBytes > this.largestBytes || lengthBytes < this.smallestBytes) return null
    this.collectDrained()
    return this.take(lengthBytes)
  }

  /** One of the least size that lies ready, or null. */
  acquireSpare(): PacketBuffer | null {
    const spare = this.spare.pop()
    return spare === undefined ? null : this.hand(spare)
  }

  /**
   * Takes a buffer back. While frames of `owners` are in flight the device may still read it, so it
   * waits until then.
   */
  release(buffer: PacketBuffer, owners: readonly PayloadOwner[]): void {
    for (let index = 0; index < owners.length; index++) {
      if (owners[index]!.framesInFlight > 0) {
        this.draining.push({ buffer, owners })
        return
      }
    }
    this.giveBack(buffer)
  }

  /** Buffers wait for the device, or did when they were last looked at. */
  get isDraining(): boolean {
    return this.draining.length > 0
  }

  /**
   * Buffers that wait for the device. Those with which it has finished come back by this, or with
   * the next that is taken.
   */
  drainingCount(): number {
    this.collectDrained()
    return this.draining.length
  }

  /** After the platform had less than the budget: it may have more by now. */
  expectMore(): void {
    this.setBudget(this.wantedBytes)
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
    const spare = lengthBytes === this.smallestBytes ? this.spare.pop() : undefined
    if (spare !== undefined) return this.hand(spare)
    const block = this.find(lengthBytes)
    if (block !== null) return this.mark(block)
    if (this.spare.length > 0) {
      for (const kept of this.spare.splice(0)) merge(kept)
      return this.take(lengthBytes)
    }
    const root = this.allocateRoot(lengthBytes)
    if (root === null) return null
    const first = this.takeFrom(root, lengthBytes)
    return first === null ? null : this.mark(first)
  }

  private find(lengthBytes: number): Block | null {
    for (const root of this.roots) {
      const block = this.takeFrom(root, lengthBytes)
      if (block !== null) return block
    }
    return null
  }

  /**
   * A root for a buffer of `lengthBytes`, or null. Roots double, so that a guest with little
   * traffic touches little memory and large buffers are to be had later though the first ones were
   * small. When the platform has less than the budget, that is what it gave so far until it has
   * more.
   */
  private allocateRoot(lengthBytes: number): Block | null {
    const leftBytes = this.wantedBytes - this.rootBytes
    const wantedBytes = Math.max(FIRST_ROOT_BYTES, floorPowerOfTwo(this.rootBytes))
    let rootBytes = Math.min(this.largestBytes, wantedBytes)
    while (rootBytes > leftBytes) rootBytes >>= 1
    if (rootBytes < lengthBytes && lengthBytes <= leftBytes) rootBytes = lengthBytes
    if (rootBytes < lengthBytes) return null
    for (; rootBytes >= lengthBytes; rootBytes >>= 1) {
      const buffer = this.allocate(rootBytes)
      if (buffer === null) continue
      const { bytes, view, physicalAddress, lengthBytes } = buffer
      const root = makeBlock({ bytes, view, physicalAddress, lengthBytes, block: null }, null)
      this.roots.push(root)
      this.rootBytes += rootBytes
      if (this.rootBytes > this.budgetBytes) this.setBudget(this.rootBytes)
      return root
    }
    this.setBudget(this.rootBytes + (lengthBytes > this.smallestBytes ? lengthBytes >> 1 : 0))
    return null
  }

  private allocate(lengthBytes: number): PacketBuffer | null {
    try {
      return this.allocator.allocate(lengthBytes)
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return null
    }
  }

  private setBudget(budgetBytes: number): void {
    this.availableBytes += budgetBytes - this.budgetBytes
    this.budgetBytes = budgetBytes
  }

  private mark(block: Block): PacketBuffer {
    block.largestFreeBytes = 0
    updateParents(block)
    return this.hand(block)
  }

  private hand(block: Block): PacketBuffer {
    block.state = 'taken'
    this.availableBytes -= block.buffer.lengthBytes
    return block.buffer
  }

  /**
   * A free block of that length under `block`, splitting a larger one only when no fitting one is
   * left of it.
   */
  private takeFrom(block: Block, lengthBytes: number): Block | null {
    if (block.largestFreeBytes < lengthBytes) return null
    if (block.state === 'free') {
      if (block.buffer.lengthBytes === lengthBytes) return block
      split(block)
    }
    return this.takeFrom(block.left!, lengthBytes) ?? this.takeFrom(block.right!, lengthBytes)
  }

  private giveBack(buffer: PacketBuffer): void {
    const { block } = buffer as PooledBuffer
    if (block?.state !== 'taken') throw new RangeError('Cannot release buffer: it is not taken')
    this.availableBytes += buffer.lengthBytes
    const { spare } = this
    const { length } = spare
    if (buffer.lengthBytes === this.smallestBytes && length < SPARE_BLOCKS) {
      block.state = 'spare'
      // Not `push`, which takes twice as long.
      spare[length] = block
    } else {
      merge(block)
    }
  }
}

/** Frees a block, and with its other half the larger one that they were, as far up as that goes. */
function merge(block: Block): void {
  block.state = 'free'
  block.largestFreeBytes = block.buffer.lengthBytes
  let { parent } = block
  let merged = block
  while (parent !== null && parent.left!.state === 'free' && parent.right!.state === 'free') {
    parent.state = 'free'
    parent.largestFreeBytes = parent.buffer.lengthBytes
    merged = parent
    parent = parent.parent
  }
  updateParents(merged)
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
  const buffer: PooledBuffer = {
    bytes,
    view: new DataView(bytes.buffer, bytes.byteOffset, lengthBytes),
    physicalAddress: whole.physicalAddress + offset,
    lengthBytes,
    block: null,
  }
  return makeBlock(buffer, parent)
}

function makeBlock(buffer: PooledBuffer, parent: Block | null): Block {
  const largestFreeBytes = buffer.lengthBytes
  const block: Block = { buffer, parent, left: null, right: null, state: 'free', largestFreeBytes }
  buffer.block = block
  return block
}

/** The largest power of two that is not more; 0 of 0. */
export function floorPowerOfTwo(value: number): number {
  return value === 0 ? 0 : 1 << (31 - Math.clz32(value))
}

/** The least power of two that is not less, of 1 at least; up to 2^30. */
export function ceilPowerOfTwo(value: number): number {
  return value <= 1 ? 1 : 1 << (32 - Math.clz32(value - 1))
}

function requirePowerOfTwo(lengthBytes: number): void {
  if (lengthBytes < 1 || (lengthBytes & (lengthBytes - 1)) !== 0) {
    throw new RangeError(`Cannot pool buffers: length is ${lengthBytes}, not a power of two`)
  }
}
