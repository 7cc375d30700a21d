/** What the kernel lends an app beyond sockets; the module `eremite` exports it as `system`. */

export interface AppTimer {
  cancel(): void
}

export interface AppSystem {
  /** Names given in `services=`, or null for the default set. */
  readonly services: readonly string[] | null
  info(message: string): void
  warn(message: string): void
  /** Monotonic milliseconds since entry. */
  nowMs(): number
  after(delayMs: number, callback: () => void): AppTimer
  /** CRC-32 (ISO 3309) of a range, continued from `initial` (0 at first). Not a TypeScript loop. */
  crc32(bytes: Uint8Array, offset: number, lengthBytes: number, initial: number): number
  encodeText(text: string): Uint8Array
  decodeText(bytes: Uint8Array, offset: number, lengthBytes: number): string
  /** A fresh, JSON-ready snapshot of what the guest knows of itself: features, counters, memory, connections. */
  statistics(): Record<string, unknown>
}
