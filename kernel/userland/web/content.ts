/** The content of a Request or Response as it is kept: whole, or to be asked for in pieces. */
import { encodeUtf8 } from './host-globals.ts'

export type Content = Uint8Array | string | AsyncIterable<Uint8Array | string>

/** Longest piece of content that is here as a whole. */
const PIECE_LIMIT_BYTES = 65_536

export function isWhole(content: Content): content is Uint8Array | string {
  return typeof content === 'string' || content instanceof Uint8Array
}

/** One piece as bytes; throws TypeError when it is neither bytes nor text. */
export function toBytes(piece: unknown): Uint8Array {
  if (piece instanceof Uint8Array) return piece
  if (typeof piece === 'string') return encodeUtf8(piece)
  if (piece instanceof ArrayBuffer) return new Uint8Array(piece)
  throw new TypeError('Cannot read the body: a piece is neither a Uint8Array nor a string')
}

/** The content piece by piece; the pieces are the reader's own. */
export function piecesOf(content: Content): AsyncIterator<Uint8Array | string> {
  return isWhole(content) ? sliceOf(toBytes(content)) : content[Symbol.asyncIterator]()
}

async function* sliceOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += PIECE_LIMIT_BYTES) {
    yield bytes.slice(at, at + PIECE_LIMIT_BYTES)
  }
}
