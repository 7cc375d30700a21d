/**
 * The memory of all sockets: what is behind their rings, out of one budget with three levels as
 * Linux's tcp_mem.
 */
import type { EarliestDeadline } from '../../../iface/earliest-deadline.ts'
import type { BufferAllocator, PacketBuffer, PayloadOwner } from '../../../storage/buffer.ts'
import type { RingBuffer } from '../../../storage/ring-buffer.ts'
import { sequenceDifference } from '../../../wire/sequence.ts'
import { BufferPool, ceilPowerOfTwo, floorPowerOfTwo } from '../buffer-pool.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { CongestionControl } from '../congestion/congestion-control.ts'
import { leavePath } from '../open/leave-path.ts'
import { moveQueue, neededCapacity, roomFor } from '../send/send-room.ts'
import { TcpState } from '../state.ts'
import type { TcpStatistics } from '../statistics.ts'
import type { TcpMemory, TcpSocket } from '../tcp-socket.ts'
import { IDLE_OWNER } from '../transmission-control-block.ts'
import { FairShare } from './fair-share.ts'
import { UnreadList } from './unread-list.ts'
import { WaitingSockets } from './waiting-sockets.ts'

/**
 * No buffer is more than this fraction of the budget, so that a few fast paths leave room for
 * others.
 */
const LARGEST_BUFFER_SHARE = 4

/**
 * More than this fraction of the budget in use is pressure: windows and buffers grow no further
 * than what they are,
 */
const PRESSURE_SHARE = 1 / 2
/** until less than this is. */
const RELIEF_SHARE = 3 / 8

/**
 * Under pressure a buffer may be this fraction of what is left, which is the less the more is
 * taken: however many want all, there remains something for who comes next.
 */
const PRESSED_BUFFER_SHARE = 8

/**
 * The last fraction of the budget is for buffers of the least size: handshakes and small exchanges
 * go on at the limit.
 */
const RESERVE_SHARE = 8

/** The window of a connection without memory under pressure: some segments. */
const PRESSED_WINDOW_BYTES = 16_384

/**
 * So many connections at most are looked at for empty memory within a packet, those at work for
 * longest.
 */
const RECLAIMED_FROM = 256

const NEVER = Number.POSITIVE_INFINITY
const NO_OWNERS: readonly PayloadOwner[] = []

export class SocketMemory implements TcpMemory {
  readonly pool: BufferPool
  /** Largest buffer that there can be. */
  readonly largestBytes: number
  readonly smallestBytes: number
  /** Windows and buffers do not grow, and what is not needed goes back at once. */
  isPressed = false
  /** Only buffers of the least size are left. */
  isAtLimit = false
  /** Every socket at work, such as holds memory. */
  readonly holders = new Set<TcpSocket>()
  /** When they are to be looked at (see MemorySweep); 0 = at once, Infinity while there is none. */
  sweepDueMs = NEVER
  readonly waiting = new WaitingSockets()
  /** In this turn what is empty has been taken back already. */
  isReclaimed = false
  /**
   * That of all connections that are not at work, and of which no more is known than of a new one.
   * Nobody writes it.
   */
  readonly congestionAtRest: CongestionControl
  private readonly createCongestion: () => CongestionControl
  readonly unread = new UnreadList()
  private readonly shares = new FairShare()
  private readonly statistics: TcpStatistics
  private readonly deadline: EarliestDeadline

  constructor(
    allocator: BufferAllocator,
    configuration: TcpConfiguration,
    statistics: TcpStatistics,
    createCongestion: () => CongestionControl,
    deadline: EarliestDeadline,
  ) {
    this.deadline = deadline
    const { bufferBudgetBytes, minimumBufferBytes } = configuration
    const wantedBytes = Math.max(configuration.sendBufferBytes, configuration.receiveBufferBytes)
    this.smallestBytes = minimumBufferBytes
    this.largestBytes = Math.max(
      minimumBufferBytes,
      Math.min(
        ceilPowerOfTwo(wantedBytes),
        floorPowerOfTwo(Math.floor(bufferBudgetBytes / LARGEST_BUFFER_SHARE)),
      ),
    )
    this.statistics = statistics
    this.createCongestion = createCongestion
    this.congestionAtRest = createCongestion()
    this.pool = new BufferPool(
      allocator,
      bufferBudgetBytes,
      this.largestBytes,
      configuration.minimumBufferBytes,
    )
  }

  /**
   * Nobody is at work or waits for memory, or keeps some that others need, and the device has let
   * go of all: nothing is to be looked at.
   */
  get isSettled(): boolean {
    if (this.isPressed && this.unread.size > 0) return false
    return this.holders.size === 0 && !this.waiting.isAny && !this.pool.isDraining
  }

  allowance(limitBytes: number, capacity: number): number {
    if (!this.isPressed) return limitBytes
    const least = this.isAtLimit ? this.smallestBytes : PRESSED_WINDOW_BYTES
    return Math.min(limitBytes, Math.max(capacity, least))
  }

  growReceive(socket: TcpSocket, neededBytes: number): void {
    const ring = socket.receiveBuffer
    const memory = this.acquire(socket, ring, neededBytes)
    if (memory === null) return
    const { assembler } = socket
    let lengthBytes = socket.receivedLength
    if (assembler !== null && assembler.rangeCount > 0) {
      lengthBytes = sequenceDifference(assembler.rangeEnd(assembler.rangeCount - 1), ring.start)
    }
    const before = ring.moveTo(memory)
    if (before.lengthBytes === 0) return
    ring.take(socket.host.bulk, before, ring.start, lengthBytes)
    this.release(socket, before, NO_OWNERS)
  }

  sendRoom(socket: TcpSocket, length: number): number {
    const ring = socket.sendBuffer
    if (ring.capacity === 0 && ring.start === ring.end && socket.loan === null) {
      const memory = length > this.smallestBytes ? null : this.acquireLeast(socket)
      if (memory !== null) {
        ring.moveTo(memory)
        return length
      }
    }
    const room = roomFor(socket, length)
    if (room === length) return room
    this.growSend(socket, neededCapacity(socket, length, this.smallestBytes, this.largestBytes))
    return roomFor(socket, length)
  }

  /**
   * Gives the send queue a larger ring. What the device still reads of the old one stays until it
   * has.
   */
  private growSend(socket: TcpSocket, neededBytes: number): void {
    const ring = socket.sendBuffer
    const memory = this.acquire(socket, ring, neededBytes)
    if (memory === null) return
    const before = ring.moveTo(memory)
    if (before.lengthBytes === 0) return
    moveQueue(socket, before)
    this.release(socket, before, this.leaveOwners(socket))
  }

  attend(socket: TcpSocket): void {
    if (socket.owner === IDLE_OWNER) {
      // The older one is made once the device has something when an ACK comes.
      socket.owner = { framesInFlight: 0 }
    }
    if (socket.congestion === this.congestionAtRest) this.beginCongestion(socket)
    if (socket.state !== TcpState.Closed && !socket.isHolder) this.addHolder(socket)
  }

  /** Before the path is planned, the segment size is not known: that plan starts it. */
  private beginCongestion(socket: TcpSocket): void {
    const congestion = this.createCongestion()
    socket.congestion = congestion
    if (socket.plannedMtu === 0) return
    congestion.start(socket.segmentSize)
    congestion.roundTrip = socket.rtt.smoothed
  }

  /**
   * The socket has been idle: what it sends with goes too, until it has something to say. False
   * while the device has frames of it.
   */
  dismiss(socket: TcpSocket): boolean {
    if (socket.owner.framesInFlight > 0 || socket.olderOwner.framesInFlight > 0) return false
    socket.owner = IDLE_OWNER
    socket.olderOwner = IDLE_OWNER
    leavePath(socket, socket.host.egress)
    // As much memory as all else together, made again when something gets lost or comes out of
    // order.
    socket.assembler = null
    if (socket.recovery?.isDispensable()) socket.recovery = null
    // As long as there is a recovery, it may take a reduction back.
    if (socket.recovery === null && socket.congestion.isDispensable()) {
      socket.congestion = this.congestionAtRest
    }
    this.dropHolder(socket)
    return true
  }

  releaseReceive(socket: TcpSocket): void {
    const memory = socket.receiveBuffer.takeMemory()
    socket.readBuffer = null
    if (memory === null) return
    this.unread.remove(socket)
    this.release(socket, memory, NO_OWNERS)
  }

  /** The device may still read from it: the pool waits for that. */
  releaseSend(socket: TcpSocket): void {
    const memory = socket.sendBuffer.takeMemory()
    if (memory !== null) this.release(socket, memory, this.leaveOwners(socket))
  }

  wait(socket: TcpSocket): void {
    if (this.waiting.has(socket)) return
    this.waiting.add(socket)
    if (this.sweepDueMs === NEVER) this.sweepAtOnce()
    this.statistics.memoryWaits++
  }

  /** The connection is over: nothing of it stays but what is unread, which may still be fetched. */
  forget(socket: TcpSocket): void {
    if (this.waiting.isAny) this.waiting.remove(socket)
    this.releaseSend(socket)
    socket.sendSpace = 0
    if (socket.receivedLength === 0) this.releaseReceive(socket)
    else this.unread.add(socket)
    // The sweep that is due in a second at most finds out whether this was the last one:
    // connections that come one after another do not begin and end it each.
    if (socket.isHolder) this.dropHolder(socket)
  }

  /** Buffers that the device has finished with come back without a word. */
  collectDrained(): void {
    const { availableBytes } = this.pool
    this.pool.drainingCount()
    this.noteReturned(this.pool.availableBytes - availableBytes)
  }

  /** The same, and the platform may have more by now: whoever waits tries again. */
  refresh(): void {
    this.pool.expectMore()
    this.collectDrained()
    if (this.pool.availableBytes > this.pool.limitBytes * (1 - RELIEF_SHARE)) this.shares.forget()
    this.waiting.wakeAll()
    this.deadline.isUrgent = true
  }

  /**
   * Memory for at least `neededBytes`, or as much more than the ring has as may be had; null when
   * that is nothing.
   */
  private acquire(socket: TcpSocket, ring: RingBuffer, neededBytes: number): PacketBuffer | null {
    const memory = this.tryAcquire(socket, ring, neededBytes)
    if (memory !== null || this.isReclaimed) return memory
    // Once a turn: what is empty and only waits to be used again is better than a segment that is
    // lost.
    this.isReclaimed = true
    this.sweepAtOnce()
    this.reclaim()
    return this.tryAcquire(socket, ring, neededBytes)
  }

  private reclaim(): void {
    let count = 0
    for (const holder of this.holders) {
      if (++count > RECLAIMED_FROM) return
      const { sendBuffer, receivedLength, assembler } = holder
      if (sendBuffer.start === sendBuffer.end) this.releaseSend(holder)
      if (receivedLength === 0 && (assembler === null || assembler.rangeCount === 0)) {
        this.releaseReceive(holder)
      }
    }
  }

  private tryAcquire(
    socket: TcpSocket,
    ring: RingBuffer,
    neededBytes: number,
  ): PacketBuffer | null {
    const { capacity } = ring
    if (capacity === 0 && neededBytes <= this.smallestBytes) {
      const memory = this.acquireLeast(socket)
      if (memory !== null) return memory
    }
    let lengthBytes = Math.min(ceilPowerOfTwo(neededBytes), this.largestBytes)
    if (lengthBytes < this.smallestBytes) lengthBytes = this.smallestBytes
    for (; lengthBytes > capacity && lengthBytes >= this.smallestBytes; lengthBytes >>= 1) {
      if (!this.mayTake(socket, lengthBytes)) continue
      const memory = this.pool.acquire(lengthBytes)
      if (memory === null) continue
      if (!socket.isHolder) this.addHolder(socket)
      if (this.shares.isKept) this.shares.note(socket, lengthBytes)
      this.noteLevel()
      return memory
    }
    return null
  }

  /**
   * A buffer of the least size, such as each small exchange takes and gives back, as long as there
   * is plenty and one lies ready: nothing else is to be asked or noted then. Else null.
   */
  private acquireLeast(socket: TcpSocket): PacketBuffer | null {
    const { pool } = this
    if (this.isPressed || this.shares.isKept) return null
    if (pool.availableBytes - this.smallestBytes < pool.limitBytes * PRESSURE_SHARE) return null
    const memory = pool.acquireSpare()
    if (memory !== null && !socket.isHolder) this.addHolder(socket)
    return memory
  }

  private dropHolder(socket: TcpSocket): void {
    this.holders.delete(socket)
    socket.isHolder = false
  }

  private addHolder(socket: TcpSocket): void {
    this.holders.add(socket)
    socket.isHolder = true
    socket.sweptSendEnd = Number.NaN
    socket.sweptReadPosition = Number.NaN
    if (this.sweepDueMs === NEVER) this.sweepAtOnce()
  }

  private sweepAtOnce(): void {
    this.sweepDueMs = 0
    this.deadline.note(0)
  }

  private mayTake(socket: TcpSocket, lengthBytes: number): boolean {
    const { availableBytes, limitBytes } = this.pool
    const usedBytes = limitBytes - availableBytes
    if (!this.isPressed && usedBytes + lengthBytes <= limitBytes * PRESSURE_SHARE) return true
    const sharedBytes = availableBytes - limitBytes / RESERVE_SHARE
    // What is dropped for want of the least buffer comes again only after ever longer: that is for
    // who has more than its share.
    if (lengthBytes === this.smallestBytes && lengthBytes <= sharedBytes) return true
    if (!this.shares.isKept) this.shares.keep(this.holders, this.unread.sockets())
    if (!this.shares.mayHave(socket, lengthBytes, limitBytes)) return false
    return lengthBytes === this.smallestBytes || lengthBytes * PRESSED_BUFFER_SHARE <= sharedBytes
  }

  private release(socket: TcpSocket, memory: PacketBuffer, owners: readonly PayloadOwner[]): void {
    const { pool, shares } = this
    if (shares.isKept) shares.note(socket, -memory.lengthBytes)
    const { availableBytes } = pool
    pool.release(memory, owners)
    // Nobody waits, and there was plenty before.
    if (!this.waiting.isAny && !this.isPressed) return
    // What the device still reads comes back later.
    this.noteReturned(pool.availableBytes - availableBytes)
  }

  private noteReturned(lengthBytes: number): void {
    this.waiting.wake(lengthBytes / this.smallestBytes)
    this.deadline.isUrgent = true
    this.noteLevel()
  }

  /**
   * Those whom frames in flight are counted on; the socket goes on with others, none of whose
   * frames reads what it had before.
   */
  private leaveOwners(socket: TcpSocket): readonly PayloadOwner[] {
    const { owner, olderOwner } = socket
    if (owner.framesInFlight === 0 && olderOwner.framesInFlight === 0) return NO_OWNERS
    socket.owner = { framesInFlight: 0 }
    socket.olderOwner = { framesInFlight: 0 }
    return [owner, olderOwner]
  }

  private noteLevel(): void {
    const { availableBytes, limitBytes } = this.pool
    const usedBytes = limitBytes - availableBytes
    if (this.isPressed) {
      this.isPressed = usedBytes >= limitBytes * RELIEF_SHARE
    } else if (usedBytes > limitBytes * PRESSURE_SHARE) {
      this.isPressed = true
      this.sweepAtOnce()
      this.statistics.memoryPressures++
    }
    this.isAtLimit = availableBytes * RESERVE_SHARE <= limitBytes
  }
}
