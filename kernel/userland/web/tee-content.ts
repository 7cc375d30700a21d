/**
 * Content in pieces, read twice: what clone() gives to each side (ReadableStream tee, Streams
 * §4.9.1).
 */

import { type Content, piecesOf, toBytes } from './content.ts'
import { ContentError } from './content-error.ts'
import { PIECE_OVERHEAD_BYTES } from './piece-list.ts'

/** How far one side may be behind the other: what it has not read lies in memory. */
export const TEE_LIMIT_BYTES = 16 * 1024 * 1024

export function teeContent(content: Exclude<Content, string | Uint8Array>) {
  const source = new SharedPieces(piecesOf(content))
  return [new Branch(source), new Branch(source)] as const
}

class SharedPieces {
  readonly branches: Branch[] = []
  private readonly pieces: AsyncIterator<Uint8Array | string>
  private reading: Promise<void> | null = null

  constructor(pieces: AsyncIterator<Uint8Array | string>) {
    this.pieces = pieces
  }

  /** One more piece for all branches; whoever asks while it is under way waits for the same one. */
  read(): Promise<void> {
    this.reading ??= this.take().finally(() => {
      this.reading = null
    })
    return this.reading
  }

  /** The source is told once nobody is left. */
  async leave(branch: Branch): Promise<void> {
    const at = this.branches.indexOf(branch)
    if (at >= 0) this.branches.splice(at, 1)
    if (this.branches.length === 0) await this.pieces.return?.()
  }

  private async take(): Promise<void> {
    try {
      const item = await this.pieces.next()
      const piece = item.done === true ? null : toBytes(item.value)
      for (const branch of this.branches) branch.accept(piece)
    } catch (error) {
      for (const branch of this.branches) branch.fail(error)
    }
  }
}

class Branch implements AsyncIterableIterator<Uint8Array, undefined> {
  private readonly source: SharedPieces
  private readonly queue: Uint8Array[] = []
  /** With what the pieces take beside their bytes. */
  private queuedBytes = 0
  private isEnded = false
  private failure: { readonly reason: unknown } | null = null

  constructor(source: SharedPieces) {
    this.source = source
    source.branches.push(this)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    while (this.queue.length === 0 && !this.isEnded && this.failure === null) {
      await this.source.read()
    }
    const value = this.queue.shift()
    if (value !== undefined) {
      this.queuedBytes -= value.length + PIECE_OVERHEAD_BYTES
      return { done: false, value }
    }
    if (this.failure !== null) throw this.failure.reason
    return { done: true, value: undefined }
  }

  async return(): Promise<IteratorResult<Uint8Array, undefined>> {
    this.isEnded = true
    this.queue.length = 0
    await this.source.leave(this)
    return { done: true, value: undefined }
  }

  accept(piece: Uint8Array | null): void {
    if (piece === null) {
      this.isEnded = true
      return
    }
    if (this.failure !== null) return
    this.queuedBytes += piece.length + PIECE_OVERHEAD_BYTES
    if (this.queuedBytes <= TEE_LIMIT_BYTES) this.queue.push(piece.slice())
    else {
      this.queue.length = 0
      this.fail(new ContentError(413, `a clone is ${TEE_LIMIT_BYTES} bytes behind the other`))
    }
  }

  fail(reason: unknown): void {
    this.failure ??= { reason }
  }
}
