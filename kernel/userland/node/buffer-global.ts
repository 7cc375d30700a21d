/** `Buffer` as a global, in apps that name it. */
import { bufferLibrary } from './buffer-library.ts'

export const Buffer = /* @__PURE__ */ ownBuffer()

function ownBuffer() {
  return bufferLibrary().Buffer
}
