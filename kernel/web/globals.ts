/**
 * The web globals that the build bundles into an app when it names them, and only then: nothing here is part of the
 * image.
 */
export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableStream,
  TransformStream,
  WritableStream,
} from 'web-streams-polyfill'
export { AbortController, AbortSignal } from './abort.ts'
export { atob, btoa } from './base64.ts'
export { DOMException } from './dom-exception.ts'
export { Headers } from './headers.ts'
export { Request } from './request.ts'
export { Response } from './response.ts'
export { structuredClone } from './structured-clone.ts'
export { URL } from './url.ts'
export { URLSearchParams } from './url-search-params.ts'
