/** `node:string_decoder`: text of bytes that come in pieces, which may cut a character. */
import type { AppGlobals } from '../../globals/app-globals.ts'
import { bufferLibrary } from './buffer-library.ts'

/** So many bytes are whole characters of an encoding, or can be encoded without what follows. */
const UNIT_BYTES: Readonly<Record<string, number>> = {
  ...{ 'utf-16le': 2, 'ucs-2': 2, utf16le: 2, ucs2: 2 },
  ...{ base64: 3, hex: 1, latin1: 1, binary: 1, ascii: 1 },
}
const EMPTY = /* @__PURE__ */ new Uint8Array(0)

export class StringDecoder {
  readonly encoding: string
  private readonly utf8: InstanceType<AppGlobals['TextDecoder']> | null
  private readonly unitBytes: number
  /** Less than a unit. */
  private rest: Uint8Array = EMPTY

  /** Throws TypeError for an encoding that `Buffer` does not know. */
  constructor(encoding = 'utf8') {
    const name = `${encoding}`.toLowerCase()
    const isUtf8 = name === 'utf8' || name === 'utf-8'
    const unitBytes = isUtf8 ? 1 : UNIT_BYTES[name]
    if (unitBytes === undefined) throw new TypeError(`Unknown encoding: ${encoding}`)
    const { TextDecoder } = globalThis as unknown as AppGlobals
    this.encoding = isUtf8 ? 'utf8' : name
    this.unitBytes = unitBytes
    this.utf8 = isUtf8 ? new TextDecoder('utf-8', { ignoreBOM: true }) : null
  }

  write(bytes: Uint8Array | string): string {
    if (typeof bytes === 'string') return bytes
    if (this.utf8 !== null) return this.utf8.decode(bytes, { stream: true })
    const { Buffer } = bufferLibrary()
    const all = this.rest.length === 0 ? bytes : Buffer.concat([this.rest, bytes])
    let whole = all.length - (all.length % this.unitBytes)
    // The first half of a surrogate pair waits for the second.
    if (this.unitBytes === 2 && whole > 0 && (all[whole - 1]! & 0xfc) === 0xd8) whole -= 2
    // A copy: `slice` of a Buffer shows the caller's memory, which may be filled anew.
    this.rest = new Uint8Array(all.subarray(whole))
    return this.textOf(all.subarray(0, whole))
  }

  /** What is left, an incomplete character as U+FFFD. */
  end(bytes?: Uint8Array | string): string {
    const text = bytes === undefined ? '' : this.write(bytes)
    if (this.utf8 !== null) return text + this.utf8.decode()
    const { rest } = this
    this.rest = EMPTY
    return text + this.textOf(rest)
  }

  private textOf(bytes: Uint8Array): string {
    const { Buffer } = bufferLibrary()
    return Buffer.from(bytes).toString(this.encoding as 'hex')
  }
}

export default { StringDecoder }
