/** What stands in for form-content.ts in an app that names neither forms nor blobs. */
import type { Blob } from './blob.ts'
import type { FormData } from './form-data.ts'

export function readFormInit(_body: object): null {
  return null
}

export function parseForm(_bytes: Uint8Array, _contentType: string): Promise<FormData> {
  throw unnamed('formData')
}

export function toBlob(_bytes: Uint8Array, _contentType: string): Blob {
  throw unnamed('blob')
}

function unnamed(method: string): TypeError {
  return new TypeError(
    `Cannot read the body by ${method}: the build did not find that name in this app; write it out`,
  )
}
