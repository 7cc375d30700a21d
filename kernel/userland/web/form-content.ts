/**
 * Forms and blobs as bodies, and bodies as those. The build puts no-form-content.ts in its place
 * where an app names neither.
 */
import { Blob, bytesOf, OwnedBytes } from './blob.ts'
import { FormData } from './form-data.ts'
import { decodeUtf8 } from './host-globals.ts'
import { FIELDS_LIMIT, readMultipart } from './multipart-reader.ts'
import { writeMultipart } from './multipart-writer.ts'
import { URLSearchParams } from './url-search-params.ts'

/** Content and type of a body that is a form or a blob, else null. */
export function readFormInit(
  body: object,
): { content: Uint8Array; contentType: string | null } | null {
  if (body instanceof FormData) {
    const { bytes, boundary } = writeMultipart(body)
    return { content: bytes, contentType: `multipart/form-data; boundary=${boundary}` }
  }
  if (!(body instanceof Blob)) return null
  return { content: bytesOf(body), contentType: body.type === '' ? null : body.type }
}

/** Rejects with TypeError when the content is no form (Fetch §5.3, formData). */
export async function parseForm(bytes: Uint8Array, contentType: string): Promise<FormData> {
  const [essence = '', ...parameters] = contentType.split(';')
  const type = essence.trim().toLowerCase()
  if (type === 'multipart/form-data') return readMultipart(bytes, readBoundary(parameters))
  if (type !== 'application/x-www-form-urlencoded') {
    throw new TypeError(`Cannot read the form: its Content-Type is ${JSON.stringify(contentType)}`)
  }
  return readUrlEncoded(decodeUtf8(bytes, true))
}

function readUrlEncoded(text: string): FormData {
  for (let at = 0, fields = 1; at >= 0; fields++) {
    if (fields > FIELDS_LIMIT) {
      throw new TypeError(`Cannot read the form: it has more than ${FIELDS_LIMIT} fields`)
    }
    at = text.indexOf('&', at + 1)
  }
  const form = new FormData()
  // The question mark is for the constructor to drop: one that has come belongs to the first name.
  for (const [name, value] of new URLSearchParams(`?${text}`)) form.append(name, value)
  return form
}

export function toBlob(bytes: Uint8Array, contentType: string): Blob {
  return new Blob(new OwnedBytes(bytes), { type: contentType })
}

/** A quoted value may hold anything but semicolons, which no boundary does. */
function readBoundary(parameters: readonly string[]): string {
  for (const parameter of parameters) {
    const found = /^\s*boundary=(?:"([^"]*)"|([^\s"]+))\s*$/i.exec(parameter)
    if (found !== null) return found[1] ?? found[2]!
  }
  throw new TypeError('Cannot read the form: its Content-Type names no boundary')
}
