/**
 * The pieces of a body, and the way to say that no more are wanted, whichever kind of stream makes
 * them.
 */

export interface PieceSource {
  next(): Promise<IteratorResult<unknown, unknown>>
  /** Tells the stream at once, also while a piece is still awaited. Later results mean nothing. */
  cancel(reason: unknown): void
}

interface Readable {
  getReader(): {
    read(): Promise<IteratorResult<unknown, unknown>>
    cancel(reason: unknown): Promise<void>
  }
  pipeTo(target: unknown): Promise<void>
}

export function openPieces(content: AsyncIterable<unknown>): PieceSource {
  if (isReadable(content)) {
    // The iterator of a stream holds a cancellation back until the piece that was asked for has
    // come (Web IDL §3.7.10.2); its reader does not (Streams §4.4.3).
    const reader = content.getReader()
    return {
      next: () => reader.read(),
      cancel: (reason) => void reader.cancel(reason).catch(() => {}),
    }
  }
  const iterator = content[Symbol.asyncIterator]()
  return {
    next: () => iterator.next(),
    async cancel() {
      try {
        await iterator.return?.()
      } catch {
        // Nobody is left to hear of it.
      }
    },
  }
}

/** What stands for streams in an app without any can only be iterated (plain-body-stream.ts). */
function isReadable(content: AsyncIterable<unknown>): content is AsyncIterable<unknown> & Readable {
  const { getReader, pipeTo } = content as Partial<Readable>
  return typeof getReader === 'function' && typeof pipeTo === 'function'
}
