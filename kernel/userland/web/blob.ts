/** Blob and File (File API §3, §4): bytes that do not change, kept in memory. */
import type { ReadableStream } from 'web-streams-polyfill'
import { streamOf } from './body-stream.ts'
import { decodeUtf8, encodeUtf8 } from './host-globals.ts'
import { toWellFormed } from './well-formed.ts'

export type BlobPart = string | ArrayBuffer | ArrayBufferView | Blob

export interface BlobPropertyBag {
  readonly type?: string
  /** 'native' makes line ends of text those of the platform, "\\n". */
  readonly endings?: 'transparent' | 'native'
}

export interface FilePropertyBag extends BlobPropertyBag {
  /** Milliseconds since 1970. */
  readonly lastModified?: number
}

/** For this folder: a part that is taken as it is, without a copy. */
export class OwnedBytes {
  readonly bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
  }
}

/** No property, so that nobody else reaches them. */
const contents = /* @__PURE__ */ new WeakMap<Blob, Uint8Array>()

/** For this folder: the bytes of a blob, which nobody may change. */
export function bytesOf(blob: Blob): Uint8Array {
  return contents.get(blob)!
}

export class Blob {
  readonly #type: string

  constructor(
    parts: Iterable<BlobPart> | OwnedBytes = [],
    { type = '', endings = 'transparent' }: BlobPropertyBag = {},
  ) {
    contents.set(this, parts instanceof OwnedBytes ? parts.bytes : join(parts, endings))
    this.#type = toType(type)
  }

  get size(): number {
    return bytesOf(this).length
  }

  get type(): string {
    return this.#type
  }

  /** The bytes are shared, not copied. */
  slice(start = 0, end = this.size, type = ''): Blob {
    return new Blob(new OwnedBytes(bytesOf(this).subarray(start, end)), { type })
  }

  async arrayBuffer(): Promise<ArrayBuffer> {
    return bytesOf(this).slice().buffer as ArrayBuffer
  }

  async bytes(): Promise<Uint8Array> {
    return bytesOf(this).slice()
  }

  async text(): Promise<string> {
    return decodeUtf8(bytesOf(this), false)
  }

  stream(): ReadableStream<Uint8Array> {
    return streamOf({ begin: () => bytesOf(this) })
  }

  get [Symbol.toStringTag](): string {
    return 'Blob'
  }
}

export class File extends Blob {
  readonly #name: string
  readonly #lastModified: number

  constructor(parts: Iterable<BlobPart> | OwnedBytes, name: string, options: FilePropertyBag = {}) {
    if (parts === undefined || name === undefined) {
      throw new TypeError('Cannot make File: it takes parts and a name')
    }
    super(parts, options)
    this.#name = toWellFormed(name)
    this.#lastModified = Math.trunc(Number(options.lastModified ?? Date.now())) || 0
  }

  get name(): string {
    return this.#name
  }

  get lastModified(): number {
    return this.#lastModified
  }

  override get [Symbol.toStringTag](): string {
    return 'File'
  }
}

function join(parts: Iterable<BlobPart>, endings: string): Uint8Array {
  if (typeof parts !== 'object' || parts === null || !(Symbol.iterator in parts)) {
    throw new TypeError('Cannot make Blob: the parts are no sequence')
  }
  if (endings !== 'transparent' && endings !== 'native') {
    throw new TypeError(`Cannot make Blob: endings is '${endings}', not transparent or native`)
  }
  const pieces = Array.from(parts, (part) => toPiece(part, endings))
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return bytes
}

function toPiece(part: BlobPart, endings: string): Uint8Array {
  if (part instanceof Blob) return bytesOf(part)
  if (part instanceof ArrayBuffer) return new Uint8Array(part)
  if (ArrayBuffer.isView(part)) {
    return new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  }
  const text = `${part}`
  return encodeUtf8(endings === 'native' ? text.replace(/\r\n?/g, '\n') : text)
}

/** Anything beyond printable ASCII makes it empty. */
function toType(type: string): string {
  const text = `${type}`
  return /^[\x20-\x7e]*$/.test(text) ? text.toLowerCase() : ''
}
