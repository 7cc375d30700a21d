/**
 * Types of the C function table (boot/engine/native.c), mirrored 1:1: the only surface between C
 * and TypeScript.
 */
declare module 'eremite:native' {
  type HalBulk = import('../../drivers/hal.ts').HalBulk

  // --- Ports. `port` is 0..0xffff; values are unsigned. ------------------------------------------
  export function portRead8(port: number): number
  export function portRead16(port: number): number
  export function portRead32(port: number): number
  export function portWrite8(port: number, value: number): void
  export function portWrite16(port: number, value: number): void
  export function portWrite32(port: number, value: number): void

  // --- Memory ------------------------------------------------------------------------------------
  /**
   * Maps physical memory outside the heap (MMIO or firmware tables), uncached and never executable.
   * Page tables are extended as needed. Each typed-array element access is one bus access of the
   * element's width. Throws RangeError when the range touches the image, the heap or the DMA arena.
   */
  export function mapMemory(physicalAddress: number, lengthBytes: number): ArrayBuffer
  /**
   * Zeroed, physically contiguous memory that is never freed. Throws RangeError when it does not
   * fit.
   */
  export function allocateDma(lengthBytes: number, alignmentBytes: number): ArrayBuffer
  /** Physical address of the first byte of a buffer from `allocateDma` or `mapMemory`. */
  export function physicalAddressOf(buffer: ArrayBuffer): number
  /** A full barrier: every earlier load and store is visible to the device before any later one. */
  export function memoryBarrier(): void

  // --- Bulk byte operations: those of drivers/hal.ts. RangeError when a range leaves its array. --
  export const copyBytes: HalBulk['copy']
  export const fillBytes: HalBulk['fill']
  export const internetChecksum: HalBulk['checksum']
  export const crc32: HalBulk['crc32']
  export const matchBytes: HalBulk['matches']
  export const countMatching: HalBulk['countMatching']
  export const countContinuing: HalBulk['countContinuing']
  export const loadWords: HalBulk['loadWords']
  export const storeWords: HalBulk['storeWords']
  export const keyedHash: HalBulk['keyedHash']
  export const copyRecord: HalBulk['copyRecord']
  export const writeSeries: HalBulk['writeSeries']
  export const storeSeries: HalBulk['storeSeries']
  export const markSlots: HalBulk['markSlots']
  export const countAlike: HalBulk['countAlike']
  export const pushSlots: HalBulk['pushSlots']
  export const pullSlots: HalBulk['pullSlots']
  /**
   * Copies, each byte xor that of the four of `key` in turn (RFC 6455 §5.3). Source and target may
   * be the same range, or must lie apart.
   */
  export function maskBytes(
    target: Uint8Array,
    targetOffset: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
    key: Uint8Array,
  ): void
  /**
   * Begins a hash (FIPS 180-4): algorithm 1 is SHA-1, 256, 384 and 512 are those of SHA-2. `state`
   * has 20, 32, 64 and 64 bytes: words in this machine's order. Throws RangeError for another
   * algorithm or a shorter state.
   */
  export function startDigest(algorithm: number, state: Uint8Array): void
  /** Takes in whole blocks: of 64 bytes for 1 and 256, of 128 for the others. */
  export function digestBlocks(
    algorithm: number,
    state: Uint8Array,
    bytes: Uint8Array,
    offset: number,
    lengthBytes: number,
  ): void
  /**
   * Writes `text` as UTF-8 (lone surrogates as U+FFFD); returns bytes written, only whole
   * characters.
   */
  export function encodeUtf8(text: string, target: Uint8Array, offset: number): number
  /** Decodes UTF-8; malformed sequences become U+FFFD as in the WHATWG encoding standard. */
  export function decodeUtf8(bytes: Uint8Array, offset: number, lengthBytes: number): string
  /** True when the range is well-formed UTF-8 as a whole. */
  export function isUtf8(bytes: Uint8Array, offset: number, lengthBytes: number): boolean
  /**
   * Bytes of the HTTP/1 head that begins at `offset`, its empty line included (RFC 9112 §2.1). 0
   * when it does not end in the range, begins with an empty line, or has a line that does not end
   * in CRLF.
   */
  export function headLength(bytes: Uint8Array, offset: number, lengthBytes: number): number

  // --- Interrupts. Handlers in C only count; TypeScript compares counts. -------------------------
  /**
   * Uint32 counters written by interrupt handlers: [0] = all device interrupts, [1 + v] = device
   * vector v.
   */
  export function interruptCounters(): ArrayBuffer
  /** Number of device vectors v that may be used (0..count-1). */
  export function interruptVectorCount(): number
  /**
   * The message (address, data) that a PCI function writes to raise device vector v on this CPU.
   */
  export function interruptMessageAddress(): number
  export function interruptMessageData(vector: number): number
  /**
   * Routes I/O APIC input `globalInterrupt` (level, active low unless `activeHigh`) to device
   * vector v and unmasks it. The handler masks it again each time it fires; call
   * `unmaskInterruptLine` once the device has been served. Throws RangeError when no I/O APIC has
   * that input.
   */
  export function routeInterruptLine(
    globalInterrupt: number,
    vector: number,
    activeHigh: boolean,
  ): void
  export function unmaskInterruptLine(globalInterrupt: number): void
  /**
   * Sleeps until a device interrupt arrives or `deadlineNs` (monotonic) passes; returns at once
   * when counter [0] already differs from `seenTotal`, so no wake-up is lost. Infinity = no
   * deadline.
   */
  export function waitForInterrupt(seenTotal: number, deadlineNs: number): void

  /**
   * Looks at the 16-bit word in DMA memory without sleeping until (word & mask) differs from
   * `value` or counter [0] from `seenTotal`: true; false when `untilNs`, a second away at most, has
   * come. Throws RangeError when the address is not in memory from `allocateDma`.
   */
  export function waitForWord(
    address: number,
    mask: number,
    value: number,
    seenTotal: number,
    untilNs: number,
  ): boolean

  // --- Clock and entropy -------------------------------------------------------------------------
  /** Nanoseconds since entry, monotonic, an integer below 2^53. */
  export function monotonicNs(): number
  /** Microseconds since 1970, an integer; never less than read before, as for `Date`. */
  export function realtimeUs(): number
  /**
   * False where the machine has no real-time clock that makes sense: then the date began with 1970.
   */
  export function realtimeIsKnown(): boolean
  /**
   * Corrects the date: more than 125 ms forward at once, all else bit by bit, at a 64th of the
   * time, or at half of it when the clock is ahead by more than a second. `frequencyPpb`: by how
   * many billionths monotonicNs is too slow; at most 5 million count.
   */
  export function correctRealtime(offsetUs: number, frequencyPpb: number): void
  /**
   * Fills the range from RDSEED/RDRAND (checked, retried); false when the CPU has neither or it
   * failed.
   */
  export function hardwareRandom(target: Uint8Array, offset: number, lengthBytes: number): boolean
  /** Low 32 bits of the time-stamp counter: jitter for the entropy pool, not a clock. */
  export function timestampCounter(): number

  // --- Output ------------------------------------------------------------------------------------
  /**
   * Writes text to COM1 as UTF-8. What the reader does not take at once waits in a ring; when that
   * is full, the rest is lost, counted and reported there later.
   */
  export function writeConsole(text: string): void
  /** Waits, for seconds at most, until the reader of COM1 has taken all. `exit` does the same. */
  export function flushConsole(): void
  /**
   * Writes text to the debug console at port 0xe9 as UTF-8. QEMU waits for that port's reader,
   * without a bound.
   */
  export function writeEvent(text: string): void

  // --- Boot information --------------------------------------------------------------------------
  export function commandLine(): string
  /** The first boot module (QEMU's -initrd), read-only, or undefined. */
  export function initialRamdisk(): ArrayBuffer | undefined
  /** Physical address of the ACPI RSDP as the loader gave it, or 0. */
  export function acpiRootPointer(): number
  /**
   * [stage, nanoseconds since entry] pairs in order: 'entry', 'clock', 'runtime', 'context',
   * 'bytecode', 'main'. The first is 0.
   */
  export function bootStages(): [string, number][]
  /**
   * [bytes in use by the engine, bytes of heap reserved, bytes of DMA memory used, bytes of RAM
   * found, bytes that the heap may still reserve].
   */
  export function memoryUsage(): [number, number, number, number, number]
  /** Version of the engine and of the image, e.g. "QuickJS 2025-04-26". */
  export function engineVersion(): string

  // --- Engine ------------------------------------------------------------------------------------
  /**
   * Runs promise jobs until none is left or `limit` have run (no limit when absent); returns how
   * many ran, or the complement of that (below 0) when there is a rejection that nobody has
   * handled. Throws what a job throws.
   */
  export function runPendingJobs(limit?: number): number
  /**
   * Frees cycles of objects that nothing else refers to (they are found by themselves only as the
   * heap grows), and gives memory that is free in small pieces back. It takes milliseconds.
   */
  export function collectGarbage(): void
  /**
   * Takes one promise rejection that nobody has handled by now, as a one-element array, or
   * undefined.
   */
  export function takeUnhandledRejection(): [unknown] | undefined
  /** The stack text of an Error with every position mapped to TypeScript file, line and column. */
  export function mapStackTrace(stack: string): string
  /**
   * Loads an app container (scripts/build writes them), registers its position map and evaluates
   * its module; resolves with the module namespace. Rejects with the error of the module.
   */
  export function loadApp(container: ArrayBuffer): Promise<Record<string, unknown>>
  /** The app container that is part of the image. */
  export function builtinApp(): ArrayBuffer
  /**
   * Ends the guest through isa-debug-exit: QEMU exits with (code << 1) | 1. 0x10 is a clean exit.
   */
  export function exit(code: number): never
}
