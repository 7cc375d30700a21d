/**
 * What the kernel itself, not its drivers, needs of the machine: consoles, boot facts, sleep,
 * engine and exit.
 */

/** Values of the isa-debug-exit port; QEMU's exit status is (code << 1) | 1. */
export const ExitCode = {
  /** A clean exit: QEMU ends with 33. */
  Clean: 0x10,
  /** Uncaught error or unhandled rejection: 35. */
  Panic: 0x11,
  /** The kernel command line was refused: 41. */
  CommandLine: 0x14,
} as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** Bytes, as of now. */
export interface MemoryUsage {
  engineBytes: number
  heapBytes: number
  dmaBytes: number
  ramBytes: number
  /** Pages that the heap may still take. */
  freeBytes: number
}

export interface Platform {
  /**
   * Writes text to COM1 as UTF-8; never waits longer than milliseconds, what a silent reader leaves
   * no room for is lost.
   */
  writeConsole(text: string): void
  /**
   * Makes room for last words: waits, for seconds at most, until the reader of COM1 has taken all.
   */
  flushConsole(): void
  /** Writes text to the debug console at port 0xe9 as UTF-8; QEMU waits for that port's reader. */
  writeEvent(text: string): void
  /** Monotonic nanoseconds since entry. */
  monotonicNs(): number
  /** Microseconds since 1970; never less than read before, as for `Date`. */
  realtimeUs(): number
  /** False where the machine has no real-time clock: then the date began with 1970. */
  realtimeIsKnown(): boolean
  /**
   * Sets the date forward when it is more than 125 ms behind, and slews it either way otherwise;
   * `frequencyPpb`: by how many billionths monotonicNs is too slow.
   */
  correctRealtime(offsetUs: number, frequencyPpb: number): void
  /**
   * Sleeps until a device interrupt or `deadlineNs`; returns at once when interruptCounters[0]
   * differs from `seenTotal`. Infinity = no deadline.
   */
  waitForInterrupt(seenTotal: number, deadlineNs: number): void
  /**
   * Waits awake, until the 16-bit word there has other bits under `mask` than `value` or
   * interruptCounters[0] differs; false at `untilNs`.
   */
  waitForWord(
    address: number,
    mask: number,
    value: number,
    seenTotal: number,
    untilNs: number,
  ): boolean

  commandLine(): string
  /** [stage, nanoseconds since entry] pairs in order. */
  bootStages(): [string, number][]
  memoryUsage(): MemoryUsage
  engineVersion(): string

  /**
   * Frees cycles of objects that nothing else refers to, and joins what is free in small pieces.
   */
  collectGarbage(): void
  /**
   * Runs at most `limit` promise jobs and returns how many ran, or ~ that, which is below 0, when
   * takeUnhandledRejection has one. Throws what a job throws.
   */
  runPendingJobs(limit: number): number
  /** One rejection that nobody has handled by now, in a one-element array, or undefined. */
  takeUnhandledRejection(): [unknown] | undefined
  mapStackTrace(stack: string): string

  /** The container of the app to run: QEMU's -initrd, else the one in the image. */
  appContainer(): ArrayBuffer
  /** True when the app came by -initrd. */
  hasExternalApp(): boolean
  loadApp(container: ArrayBuffer): Promise<Record<string, unknown>>

  encodeUtf8(text: string, target: Uint8Array, offset: number): number
  decodeUtf8(bytes: Uint8Array, offset: number, lengthBytes: number): string
  isUtf8(bytes: Uint8Array, offset: number, lengthBytes: number): boolean
  /** For HTTP: see native.d.ts. */
  headLength(bytes: Uint8Array, offset: number, lengthBytes: number): number

  /** For WebSockets: see native.d.ts. */
  maskBytes(
    target: Uint8Array,
    targetOffset: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
    key: Uint8Array,
  ): void

  /** Hashes: see native.d.ts. */
  startDigest(algorithm: number, state: Uint8Array): void
  digestBlocks(
    algorithm: number,
    state: Uint8Array,
    bytes: Uint8Array,
    offset: number,
    lengthBytes: number,
  ): void

  exit(code: ExitCode): never
}
