/** Content in pieces as one array, when there is memory for it. */
import { type Content, toBytes } from './content.ts'
import { contentBudget } from './content-budget.ts'
import { ContentError } from './content-error.ts'
import { encodeUtf8 } from './host-globals.ts'
import { isOutOfMemory } from './out-of-memory.ts'
import { PieceList } from './piece-list.ts'

/** Streams longer than this can only be read in pieces: the guest's memory is small. */
export const COLLECT_LIMIT_BYTES = 16 * 1024 * 1024

/** Pieces between two looks at the budget. */
const LOOK_BYTES = 65_536

/** Content whose length was announced. */
export interface SizedContent extends AsyncIterable<Uint8Array> {
  /** Null when its end comes unannounced. */
  readonly lengthBytes: number | null
}

/**
 * Resolves with what `change` makes of all content, in an array of its own. Rejects with
 * ContentError before anything is read that will not fit, and when memory is too scattered or the
 * result too large all the same.
 */
export async function convertContent<Result>(
  content: Content | null,
  change: (bytes: Uint8Array) => Result,
): Promise<Awaited<Result>> {
  try {
    return await change(await collectContent(content))
  } catch (error) {
    if (!isOutOfMemory(error)) throw error
    throw new ContentError(503, 'there is no memory for what is made of the content')
  }
}

async function collectContent(content: Content | null): Promise<Uint8Array> {
  if (content === null) return new Uint8Array(0)
  if (typeof content === 'string') return encodeUtf8(content)
  if (content instanceof Uint8Array) return content.slice()
  const lengthBytes = (content as Partial<SizedContent>).lengthBytes ?? null
  return lengthBytes === null ? join(content) : fill(content, lengthBytes)
}

/** The array, and a text of the same length that may be made of it. */
function requireMemory(lengthBytes: number): void {
  if (lengthBytes > COLLECT_LIMIT_BYTES) {
    throw new ContentError(413, `the content is longer than ${COLLECT_LIMIT_BYTES} bytes`)
  }
  if (lengthBytes > LOOK_BYTES) contentBudget.requireWhole(2 * lengthBytes)
}

async function fill(content: AsyncIterable<Uint8Array | string>, lengthBytes: number) {
  requireMemory(lengthBytes)
  const bytes = new Uint8Array(lengthBytes)
  let offset = 0
  for await (const item of content) {
    const piece = toBytes(item)
    bytes.set(piece, offset)
    offset += piece.length
  }
  return offset === lengthBytes ? bytes : bytes.slice(0, offset)
}

/**
 * The pieces are here already when they are joined, so that only what is made of them must still
 * fit.
 */
async function join(content: AsyncIterable<Uint8Array | string>): Promise<Uint8Array> {
  const pieces = new PieceList()
  let seen = 0
  for await (const item of content) {
    const piece = toBytes(item)
    const length = pieces.length + piece.length
    if (length - seen > LOOK_BYTES) {
      seen = length
      requireMemory(length)
    }
    pieces.add(piece)
  }
  const bytes = new Uint8Array(pieces.length)
  pieces.copyTo(bytes)
  return bytes
}
