/**
 * Reads multipart/form-data (RFC 7578) that anybody may have sent: bounded in parts, heads and time
 * in one piece.
 */
import { File, OwnedBytes } from './blob.ts'
import { FormData } from './form-data.ts'
import { decodeUtf8, encodeUtf8, yieldToNetwork } from './host-globals.ts'

/** As many fields as a form may have, in either encoding. */
export const FIELDS_LIMIT = 1000
/** Head of one part. */
export const HEAD_LIMIT_BYTES = 8192
/** RFC 2046 §5.1.1. */
const BOUNDARY_LIMIT = 70
const BOUNDARY = /^[0-9A-Za-z'()+_,\-./:=? ]*[0-9A-Za-z'()+_,\-./:=?]$/
/** Line ends looked at before the network gets its turn: about 20 ms. */
const LOOKS_PER_TURN = 4000

const CR = 13
const LF = 10
const DASH = 45

interface PartHead {
  readonly name: string
  /** Null for a field that is no file. */
  readonly fileName: string | null
  readonly contentType: string
}

/** Rejects with TypeError when the bytes are no such form. */
export async function readMultipart(bytes: Uint8Array, boundary: string): Promise<FormData> {
  if (boundary.length > BOUNDARY_LIMIT || !BOUNDARY.test(boundary)) {
    throw malformed('its Content-Type has no valid boundary')
  }
  return new MultipartReader(bytes, boundary).read()
}

class MultipartReader {
  private readonly bytes: Uint8Array
  /** What stands before each part and after the last one, with the line end that belongs to it. */
  private readonly delimiter: Uint8Array
  private readonly form = new FormData()
  private position = 0
  private looks = 0

  constructor(bytes: Uint8Array, boundary: string) {
    this.bytes = bytes
    this.delimiter = encodeUtf8(`\r\n--${boundary}`)
  }

  async read(): Promise<FormData> {
    while (this.isLineEnd(this.position)) this.position += 2
    if (!this.isDelimiter(this.position, 2)) throw malformed('it does not begin with its boundary')
    this.position += this.delimiter.length - 2
    for (let fields = 0; !this.isLast(); fields++) {
      if (fields === FIELDS_LIMIT) throw malformed(`it has more than ${FIELDS_LIMIT} fields`)
      if (!this.isLineEnd(this.position)) throw malformed('a boundary is no line of its own')
      this.position += 2
      const head = this.readHead()
      const end = await this.findEnd()
      this.add(head, this.bytes.subarray(this.position, end))
      this.position = end + this.delimiter.length
    }
    return this.form
  }

  private add({ name, fileName, contentType }: PartHead, content: Uint8Array): void {
    if (fileName === null) this.form.append(name, decodeUtf8(content, false))
    else {
      this.form.append(name, new File(new OwnedBytes(content), fileName, { type: contentType }))
    }
  }

  /** After a boundary: two dashes, and nothing but line ends behind them. */
  private isLast(): boolean {
    const { bytes, position } = this
    if (bytes[position] !== DASH || bytes[position + 1] !== DASH) return false
    let at = position + 2
    while (this.isLineEnd(at)) at += 2
    if (at !== bytes.length) throw malformed('something follows its end')
    return true
  }

  private readHead(): PartHead {
    const start = this.position
    const limit = Math.min(this.bytes.length, start + HEAD_LIMIT_BYTES)
    let at = start
    while (!this.isLineEnd(at)) {
      const end = this.bytes.indexOf(CR, at)
      if (end < 0 || end + 2 > limit) {
        throw malformed(`the head of a field does not end within ${HEAD_LIMIT_BYTES} bytes`)
      }
      if (this.bytes[end + 1] !== LF)
        throw malformed('a line in the head of a field does not end in CRLF')
      at = end + 2
    }
    this.position = at + 2
    return parseHead(decodeUtf8(this.bytes.subarray(start, at), true))
  }

  /** Where the delimiter after the content begins. */
  private async findEnd(): Promise<number> {
    const { bytes } = this
    // Its line end would be the one that ended the head.
    if (this.isDelimiter(this.position, 2)) throw malformed('a field has no content')
    for (let at = this.position; ; at++) {
      at = bytes.indexOf(CR, at)
      if (at < 0) throw malformed('its end is missing')
      if (bytes[at + 1] === LF && this.isDelimiter(at, 0)) return at
      if (++this.looks % LOOKS_PER_TURN === 0) await yieldToNetwork()
    }
  }

  private isDelimiter(at: number, skip: number): boolean {
    const { bytes, delimiter } = this
    for (let index = skip; index < delimiter.length; index++) {
      if (bytes[at + index - skip] !== delimiter[index]) return false
    }
    return true
  }

  private isLineEnd(at: number): boolean {
    return this.bytes[at] === CR && this.bytes[at + 1] === LF
  }
}

function parseHead(text: string): PartHead {
  let disposition: { name: string; fileName: string | null } | null = null
  let contentType = 'text/plain'
  // The last line is empty.
  for (const line of text.split('\r\n').slice(0, -1)) {
    const field = /^[\t ]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)[\t ]*:(.*)$/.exec(line)
    if (field === null) throw malformed('a line in the head of a field is not "name: value"')
    const value = field[2]!.replace(/^[\t ]+/, '').trimEnd()
    const name = field[1]!.toLowerCase()
    if (name === 'content-disposition') disposition = parseDisposition(value)
    else if (name === 'content-type') contentType = value
    else if (name === 'content-transfer-encoding' && !/^(7bit|8bit|binary)$/i.test(value)) {
      // RFC 7578 §4.7: not to be used. As it is, the content would be wrong without a word.
      throw malformed(`Content-Transfer-Encoding ${JSON.stringify(value)} is not known`)
    }
  }
  if (disposition === null) throw malformed('a field has no Content-Disposition')
  return { ...disposition, contentType }
}

/** `form-data; name="..."`, with `filename` for a file; what else stands there is left alone. */
function parseDisposition(value: string): { name: string; fileName: string | null } {
  const parameters = new Map<string, string>()
  const parameter = /[\t ]*;[\t ]*([!#$%&'*+\-.^_`|~0-9A-Za-z]+)=(?:"([^"\r\n]*)"|([^\s;"]*))/y
  parameter.lastIndex = 'form-data'.length
  let isWhole = /^form-data(?![^\t ;])/i.test(value)
  while (isWhole && parameter.lastIndex < value.length) {
    const [, key = '', quoted, token = ''] = parameter.exec(value) ?? []
    isWhole = key !== '' && !parameters.has(key.toLowerCase())
    parameters.set(key.toLowerCase(), decodeName(quoted ?? token))
  }
  const name = parameters.get('name')
  if (!isWhole || name === undefined) throw malformed('a field has no valid Content-Disposition')
  return { name, fileName: parameters.get('filename') ?? null }
}

/** HTML §4.10.21.8: these three are escaped, and nothing else. */
function decodeName(text: string): string {
  return text.replace(/%0a/gi, '\n').replace(/%0d/gi, '\r').replaceAll('%22', '"')
}

function malformed(why: string): TypeError {
  return new TypeError(`Cannot read the form: ${why}`)
}
