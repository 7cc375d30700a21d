/**
 * Pieces of content that are kept until they are joined: small ones share memory, for each array
 * takes far more than its bytes, and a peer chooses how small they are.
 */

/** What an array takes beside its bytes, about. */
export const PIECE_OVERHEAD_BYTES = 256
/** Shorter pieces are copied together, */
const SMALL_BYTES = 2048
/** into arrays of so many bytes. */
const SHARED_BYTES = 16_384

export class PieceList {
  length = 0
  private readonly pieces: Uint8Array[] = []
  /** Where small ones go, and how much of it is used. */
  private shared: Uint8Array | null = null
  private used = 0

  /** The piece is the list's own from now on. */
  add(piece: Uint8Array): void {
    this.length += piece.length
    if (piece.length < SMALL_BYTES) this.addSmall(piece)
    else {
      this.endShared()
      this.pieces.push(piece)
    }
  }

  /** Writes all of it to the beginning of `target`. */
  copyTo(target: Uint8Array): void {
    this.endShared()
    let offset = 0
    for (const piece of this.pieces) {
      target.set(piece, offset)
      offset += piece.length
    }
  }

  private addSmall(piece: Uint8Array): void {
    if (this.shared === null || this.used + piece.length > SHARED_BYTES) {
      this.endShared()
      this.shared = new Uint8Array(SHARED_BYTES)
    }
    this.shared.set(piece, this.used)
    this.used += piece.length
  }

  private endShared(): void {
    if (this.shared === null) return
    this.pieces.push(this.shared.subarray(0, this.used))
    this.shared = null
    this.used = 0
  }
}
