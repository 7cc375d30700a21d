/** A FormData as multipart/form-data (HTML §4.10.21.8, RFC 7578). */
import { bytesOf } from './blob.ts'
import type { FormData } from './form-data.ts'
import { encodeUtf8, fillRandom } from './host-globals.ts'

const BOUNDARY_PREFIX = '----EremiteFormBoundary'
const RANDOM_BYTES = 16

export function writeMultipart(form: FormData): { bytes: Uint8Array; boundary: string } {
  const boundary = makeBoundary()
  const pieces: Uint8Array[] = []
  for (const [name, value] of form) {
    let head = `--${boundary}\r\nContent-Disposition: form-data; name="${encodeName(withLineEnds(name))}"`
    if (typeof value === 'string') {
      pieces.push(encodeUtf8(`${head}\r\n\r\n${withLineEnds(value)}\r\n`))
    } else {
      head += `; filename="${encodeName(value.name)}"`
      const type = value.type === '' ? 'application/octet-stream' : value.type
      pieces.push(encodeUtf8(`${head}\r\nContent-Type: ${type}\r\n\r\n`))
      pieces.push(bytesOf(value), encodeUtf8('\r\n'))
    }
  }
  pieces.push(encodeUtf8(`--${boundary}--\r\n`))
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0))
  let offset = 0
  for (const piece of pieces) {
    bytes.set(piece, offset)
    offset += piece.length
  }
  return { bytes, boundary }
}

/** Who could foretell it could put fields of his own into a form that carries his text. */
function makeBoundary(): string {
  const random = new Uint8Array(RANDOM_BYTES)
  fillRandom(random)
  return BOUNDARY_PREFIX + Array.from(random, (it) => it.toString(16).padStart(2, '0')).join('')
}

function withLineEnds(text: string): string {
  return text.replace(/\r\n|\r|\n/g, '\r\n')
}

function encodeName(text: string): string {
  return text.replaceAll('\n', '%0A').replaceAll('\r', '%0D').replaceAll('"', '%22')
}
