/** What the kernel lends an app beyond sockets; the module `eremite` exports it as `system`. */
import type { DmaBuffer } from '../drivers/dma-buffer.ts'
import type { Hal, HalBulk } from '../drivers/hal.ts'
import type { Platform } from './hal/platform.ts'
import type { Logger } from './logger.ts'
import type { ShutdownSignal } from './shutdown-signal.ts'
import type { TimerQueue } from './timer-queue.ts'

/** Of requests that come again and again, which are what bytes are compared for most. */
const LONGEST_HEAD_BYTES = 1024
/** A line of the processor's cache. */
const SHARED_ALIGNMENT_BYTES = 64

export interface AppTimer {
  cancel(): void
}

export interface AppSystem {
  /** Names given in `services=`, or null for the default set. */
  readonly services: readonly string[] | null
  /** False without a usable network device: listening and connecting then throw. */
  readonly hasNetwork: boolean
  /**
   * Aborted when the machine asks the guest to end, by its power button: what is in flight has a
   * grace period from then on.
   */
  readonly shutdown: ShutdownSignal
  /** Shown with `log=debug`. */
  debug(message: string): void
  info(message: string): void
  warn(message: string): void
  /** Monotonic milliseconds since entry, with their fraction. */
  nowMs(): number
  after(delayMs: number, callback: () => void): AppTimer
  /**
   * Bytes that the heap may still take for large arrays; garbage, and what is free in small pieces,
   * counts as used.
   */
  freeMemoryBytes(): number
  /**
   * Bytes of memory that devices may reach: what sockets have taken for their buffers, rings, and
   * allocateShared.
   */
  sharedMemoryBytes(): number
  /**
   * Frees unused objects that refer to each other and joins small pieces; it takes milliseconds,
   * and is seldom needed.
   */
  collectGarbage(): void
  /**
   * Zeroed memory that sockets can send from without a copy (sendLent). It is never freed; throws
   * RangeError when it does not fit.
   */
  allocateShared(lengthBytes: number): DmaBuffer
  /** CRC-32 (ISO 3309) of a range, continued from `initial` (0 at first). Not a TypeScript loop. */
  crc32(bytes: Uint8Array, offset: number, lengthBytes: number, initial: number): number
  /**
   * True when `lengthBytes` at `offset` are the first of `other`. Not a TypeScript loop.
   */
  equalBytes(bytes: Uint8Array, offset: number, other: Uint8Array, lengthBytes: number): boolean
  /**
   * Begins a hash: algorithm 1 is SHA-1, 256, 384 and 512 those of SHA-2, whose `state` has 20, 32,
   * 64 and 64 bytes. `crypto.subtle` is what apps use; padding and the order of the words are not
   * the natives' business.
   */
  startDigest(algorithm: number, state: Uint8Array): void
  /**
   * Takes in whole blocks: of 64 bytes for 1 and 256, of 128 for the others. Not a TypeScript loop.
   */
  digestBlocks(
    algorithm: number,
    state: Uint8Array,
    bytes: Uint8Array,
    offset: number,
    lengthBytes: number,
  ): void
  /**
   * Copies, each byte xor that of the four of `key` in turn: what WebSockets are masked with.
   * Source and target may be the same range, or must lie apart. Not a TypeScript loop.
   */
  maskBytes(
    target: Uint8Array,
    targetOffset: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
    key: Uint8Array,
  ): void
  encodeText(text: string): Uint8Array
  decodeText(bytes: Uint8Array, offset: number, lengthBytes: number): string
  /**
   * Bytes of the HTTP/1 head that begins at `offset`, its empty line included. 0 when it does not
   * end in the range, begins with an empty line, or has a line that does not end in CRLF. Not a
   * TypeScript loop.
   */
  headLength(bytes: Uint8Array, offset: number, lengthBytes: number): number
  /**
   * A new object like a plain one, of a class or not, with its fields and their values: all at
   * once, where a constructor pays for each. Throws TypeError for arrays, functions and accessors.
   */
  copyRecord<Kind extends object>(record: Kind): Kind
  /**
   * Receive offloads that can be switched, by the words of `offload=`: true for those that the
   * device does now.
   */
  receiveOffloads(): Record<string, boolean>
  /**
   * Has the device begin or end a receive offload; what requires it ends with it. Rejects when it
   * cannot, with the reason.
   * @example await system.switchReceiveOffload('guest_tso4', false)
   */
  switchReceiveOffload(word: string, on: boolean): Promise<void>
  /**
   * Offloads of what is sent that can be switched, by the words of `offload=`: true for those that
   * are made use of now.
   */
  transmitOffloads(): Record<string, boolean>
  /**
   * Has the device cut what is sent, or this host, from the next frame on. Throws when the device
   * does no such thing.
   * @example system.switchTransmitOffload('tso4', false)
   */
  switchTransmitOffload(word: string, on: boolean): void
  /**
   * A fresh, JSON-ready snapshot of what the guest knows of itself: features, counters, memory,
   * connections.
   */
  statistics(): Record<string, unknown>
  /** The same as JSON text, for a fraction of the time. */
  statisticsText(): string
  /** What changes most, for who looks often. */
  readings(): Readings
}

/** A few of the statistics; bytes are those of frames, all counted since the guest was entered. */
export interface Readings {
  readonly uptimeNs: number
  readonly sleptNs: number
  readonly sentBytes: number
  readonly receivedBytes: number
  /** Open TCP connections. */
  readonly connections: number
}

/** The network's side of offloads; `done` is told what is in the way, or the empty string. */
export interface OffloadSwitches {
  transmitOffloads(): Record<string, boolean>
  /** False when there is no such offload. */
  switchTransmitOffload(word: string, on: boolean): boolean
  receiveOffloads(): Record<string, boolean>
  switchReceiveOffload(word: string, on: boolean, done: (problem: string) => void): void
}

export interface AppSystemOptions {
  readonly platform: Pick<
    Platform,
    | 'monotonicNs'
    | 'encodeUtf8'
    | 'decodeUtf8'
    | 'headLength'
    | 'memoryUsage'
    | 'collectGarbage'
    | 'startDigest'
    | 'digestBlocks'
    | 'maskBytes'
  >
  readonly bulk: HalBulk
  readonly allocateDma: Hal['allocateDma']
  readonly timers: TimerQueue
  readonly log: Logger
  readonly services: readonly string[] | null
  /** Null without one. */
  readonly network: OffloadSwitches | null
  readonly shutdown: ShutdownSignal
  readonly statistics: {
    object(): Record<string, unknown>
    text(): string
    readings(): Readings
  }
}

export function createAppSystem(options: AppSystemOptions): AppSystem {
  const { platform, timers, log, network } = options
  let everyBit = new Uint8Array(LONGEST_HEAD_BYTES).fill(0xff)
  return {
    services: options.services,
    hasNetwork: network !== null,
    shutdown: options.shutdown,
    debug: (message) => log.debug(message),
    info: (message) => log.info(message),
    warn: (message) => log.warn(message),
    nowMs: () => platform.monotonicNs() / 1e6,
    after(delayMs, callback) {
      const timer = timers.add(platform.monotonicNs() + delayMs * 1e6, callback)
      return { cancel: () => void timers.cancel(timer) }
    },
    freeMemoryBytes: () => platform.memoryUsage().freeBytes,
    sharedMemoryBytes: () => platform.memoryUsage().dmaBytes,
    collectGarbage: platform.collectGarbage,
    allocateShared: (lengthBytes) => options.allocateDma(lengthBytes, SHARED_ALIGNMENT_BYTES),
    crc32: options.bulk.crc32,
    equalBytes(bytes, offset, other, lengthBytes) {
      if (lengthBytes > everyBit.length) everyBit = new Uint8Array(lengthBytes).fill(0xff)
      return options.bulk.matches(bytes, offset, other, everyBit, lengthBytes)
    },
    startDigest: platform.startDigest,
    digestBlocks: platform.digestBlocks,
    maskBytes: platform.maskBytes,
    encodeText(text) {
      // UTF-16 code units become at most 3 bytes each.
      const target = new Uint8Array(text.length * 3)
      return target.subarray(0, platform.encodeUtf8(text, target, 0))
    },
    decodeText: platform.decodeUtf8,
    headLength: platform.headLength,
    copyRecord: options.bulk.copyRecord,
    receiveOffloads: () => network?.receiveOffloads() ?? {},
    switchReceiveOffload: (word, on) =>
      new Promise((resolve, reject) => {
        const settle = (problem: string) => {
          if (problem === '') resolve()
          else reject(new Error(`Cannot switch ${word} ${on ? 'on' : 'off'}: ${problem}`))
        }
        if (network === null) settle('this guest has no network')
        else network.switchReceiveOffload(word, on, settle)
      }),
    transmitOffloads: () => network?.transmitOffloads() ?? {},
    switchTransmitOffload(word, on) {
      if (network?.switchTransmitOffload(word, on) === true) return
      throw new Error(`Cannot switch ${word} ${on ? 'on' : 'off'}: the device does no such thing`)
    },
    statistics: () => options.statistics.object(),
    statisticsText: () => options.statistics.text(),
    readings: () => options.statistics.readings(),
  }
}
