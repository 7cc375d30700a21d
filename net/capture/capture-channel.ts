/** Where a capture goes: a bounded ring whose other end somebody may read, or not. */

export interface CaptureChannel {
  /** The memory that `reserve` gives parts of. */
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Somebody listens: what is written goes somewhere. */
  readonly isOpen: boolean
  /** Grows by one each time that somebody begins to listen. */
  readonly openings: number
  /**
   * The offset of that much room in one piece, or -1. Only the latest reservation counts. Never
   * blocks for long.
   */
  reserve(lengthBytes: number): number
  /** The first `lengthBytes` of what was reserved are written. */
  commit(lengthBytes: number): void
  /** Hands over everything written. */
  flush(): void
}
