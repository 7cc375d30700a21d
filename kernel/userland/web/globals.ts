/**
 * The web globals that the build bundles into an app when it names them, and only then: nothing
 * here is part of the image.
 */

export { URLPattern } from 'urlpattern-polyfill/urlpattern'
export {
  ByteLengthQueuingStrategy,
  CountQueuingStrategy,
  ReadableByteStreamController,
  ReadableStream,
  ReadableStreamBYOBReader,
  ReadableStreamBYOBRequest,
  ReadableStreamDefaultController,
  ReadableStreamDefaultReader,
  TransformStream,
  TransformStreamDefaultController,
  WritableStream,
  WritableStreamDefaultController,
  WritableStreamDefaultWriter,
} from 'web-streams-polyfill'
export { AbortController, AbortSignal } from './abort.ts'
export { atob, btoa } from './base64.ts'
export { Blob, File } from './blob.ts'
export { BroadcastChannel } from './broadcast-channel.ts'
export { CompressionStream } from './compression-stream.ts'
export { CryptoKey } from './crypto-key.ts'
export { DecompressionStream } from './decompression-stream.ts'
export { DOMException } from './dom-exception.ts'
export { CustomEvent, Event } from './event.ts'
export { EventTarget } from './event-target.ts'
export { FormData } from './form-data.ts'
export { Headers } from './headers.ts'
export { MessageChannel, MessagePort } from './message-channel.ts'
export { CloseEvent, ErrorEvent, MessageEvent } from './message-event.ts'
export { reportError } from './report-error.ts'
export { Request } from './request.ts'
export { Response } from './response.ts'
export { structuredClone } from './structured-clone.ts'
export { TextDecoderStream, TextEncoderStream } from './text-streams.ts'
export { URL } from './url.ts'
export { URLSearchParams } from './url-search-params.ts'
