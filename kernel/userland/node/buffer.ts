/** `node:buffer`: Buffer by the package `buffer`, which bundlers take for it everywhere. */
import { atob, btoa } from '../web/base64.ts'
import { Blob, File } from '../web/blob.ts'
import { bufferLibrary, type Buffer as LibraryBuffer } from './buffer-library.ts'

export const { INSPECT_MAX_BYTES, kMaxLength, SlowBuffer } = bufferLibrary()
export const Buffer = bufferLibrary().Buffer
export type Buffer = LibraryBuffer
export const constants = { MAX_LENGTH: kMaxLength, MAX_STRING_LENGTH: 2 ** 30 - 1 } as const
export { atob, Blob, btoa, File }

export default {
  ...{ atob, Blob, Buffer, btoa, constants, File, INSPECT_MAX_BYTES, kMaxLength, SlowBuffer },
}
