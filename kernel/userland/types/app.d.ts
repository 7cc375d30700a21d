/**
 * Types for apps: the module `eremite` and the web globals of the guest. Not part of the image's
 * own program, so that kernel, drivers and net cannot lean on globals: `/// <reference
 * path=".../kernel/userland/types/app.d.ts" />`.
 */
/// <reference path="../../eremite.d.ts" />
/// <reference path="./assets.d.ts" />

type EremiteGlobals = import('../../globals/app-globals.ts').AppGlobals

declare const console: EremiteGlobals['console']
declare const setTimeout: EremiteGlobals['setTimeout']
declare const clearTimeout: EremiteGlobals['clearTimeout']
declare const setInterval: EremiteGlobals['setInterval']
declare const clearInterval: EremiteGlobals['clearInterval']
declare const queueMicrotask: EremiteGlobals['queueMicrotask']
declare const performance: EremiteGlobals['performance']
declare const crypto: EremiteGlobals['crypto'] & {
  /** Bundled into an app that names it: digests and HMAC. */
  readonly subtle: import('../web/subtle-crypto.ts').SubtleCrypto
}
declare const TextEncoder: EremiteGlobals['TextEncoder']
declare const TextDecoder: EremiteGlobals['TextDecoder']
type TextEncoder = InstanceType<EremiteGlobals['TextEncoder']>
type TextDecoder = InstanceType<EremiteGlobals['TextDecoder']>

// Bundled into an app that names them; free names and members of globalThis alike.
type EremiteWeb = typeof import('../web/globals.ts')

declare const AbortController: EremiteWeb['AbortController']
declare const AbortSignal: EremiteWeb['AbortSignal']
declare const Event: EremiteWeb['Event']
declare const CustomEvent: EremiteWeb['CustomEvent']
declare const EventTarget: EremiteWeb['EventTarget']
declare const CloseEvent: EremiteWeb['CloseEvent']
declare const ErrorEvent: EremiteWeb['ErrorEvent']
declare const MessageEvent: EremiteWeb['MessageEvent']
declare const DOMException: EremiteWeb['DOMException']
declare const Headers: EremiteWeb['Headers']
declare const Request: EremiteWeb['Request']
declare const Response: EremiteWeb['Response']
declare const ByteLengthQueuingStrategy: EremiteWeb['ByteLengthQueuingStrategy']
declare const CountQueuingStrategy: EremiteWeb['CountQueuingStrategy']
declare const ReadableStream: EremiteWeb['ReadableStream']
declare const TransformStream: EremiteWeb['TransformStream']
declare const WritableStream: EremiteWeb['WritableStream']
declare const ReadableByteStreamController: EremiteWeb['ReadableByteStreamController']
declare const ReadableStreamBYOBReader: EremiteWeb['ReadableStreamBYOBReader']
declare const ReadableStreamBYOBRequest: EremiteWeb['ReadableStreamBYOBRequest']
declare const ReadableStreamDefaultController: EremiteWeb['ReadableStreamDefaultController']
declare const ReadableStreamDefaultReader: EremiteWeb['ReadableStreamDefaultReader']
declare const TransformStreamDefaultController: EremiteWeb['TransformStreamDefaultController']
declare const WritableStreamDefaultController: EremiteWeb['WritableStreamDefaultController']
declare const WritableStreamDefaultWriter: EremiteWeb['WritableStreamDefaultWriter']
declare const CompressionStream: EremiteWeb['CompressionStream']
declare const DecompressionStream: EremiteWeb['DecompressionStream']
declare const TextDecoderStream: EremiteWeb['TextDecoderStream']
declare const TextEncoderStream: EremiteWeb['TextEncoderStream']
declare const Blob: EremiteWeb['Blob']
declare const File: EremiteWeb['File']
declare const FormData: EremiteWeb['FormData']
declare const CryptoKey: EremiteWeb['CryptoKey']
declare const BroadcastChannel: EremiteWeb['BroadcastChannel']
declare const MessageChannel: EremiteWeb['MessageChannel']
declare const MessagePort: EremiteWeb['MessagePort']
declare const URLPattern: EremiteWeb['URLPattern']
declare const reportError: EremiteWeb['reportError']
declare const fetch: typeof import('../web/network-globals.ts')['fetch']
declare const WebSocket: typeof import('../web/network-globals.ts')['WebSocket']
declare const WebSocketPair: typeof import('../web/network-globals.ts')['WebSocketPair']
declare const Buffer: import('../node/buffer-library.ts').BufferLibrary['Buffer']
declare const process: typeof import('../node/process.ts')['process']
declare const setImmediate: typeof import('../node/immediate.ts')['setImmediate']
declare const clearImmediate: typeof import('../node/immediate.ts')['clearImmediate']
declare const structuredClone: EremiteWeb['structuredClone']
declare const URL: EremiteWeb['URL']
declare const URLSearchParams: EremiteWeb['URLSearchParams']
declare const atob: EremiteWeb['atob']
declare const btoa: EremiteWeb['btoa']
type AbortController = InstanceType<EremiteWeb['AbortController']>
type AbortSignal = import('../../abort-signal.ts').AbortSignal
type WebSocket = import('../web/websocket/web-socket.ts').BaseWebSocket
type Event = InstanceType<EremiteWeb['Event']>
type EventTarget = InstanceType<EremiteWeb['EventTarget']>
type BroadcastChannel = InstanceType<EremiteWeb['BroadcastChannel']>
type MessageChannel = InstanceType<EremiteWeb['MessageChannel']>
type MessagePort = InstanceType<EremiteWeb['MessagePort']>
type URLPattern = InstanceType<EremiteWeb['URLPattern']>
type CloseEvent = InstanceType<EremiteWeb['CloseEvent']>
type ErrorEvent = InstanceType<EremiteWeb['ErrorEvent']>
// biome-ignore lint/suspicious/noExplicitAny: as in the types of every other environment.
type MessageEvent<Data = any> = import('../web/message-event.ts').MessageEvent<Data>
type DOMException = InstanceType<EremiteWeb['DOMException']>
type Headers = InstanceType<EremiteWeb['Headers']>
type Request = InstanceType<EremiteWeb['Request']>
type Response = InstanceType<EremiteWeb['Response']>
// biome-ignore-start lint/suspicious/noExplicitAny: as in the types of every other environment.
type ReadableStream<Piece = any> = import('web-streams-polyfill').ReadableStream<Piece>
type WritableStream<Piece = any> = import('web-streams-polyfill').WritableStream<Piece>
type TransformStream<In = any, Out = any> = import('web-streams-polyfill').TransformStream<In, Out>
type ReadableStreamDefaultReader<Piece = any> =
  import('web-streams-polyfill').ReadableStreamDefaultReader<Piece>
type ReadableStreamDefaultController<Piece = any> =
  import('web-streams-polyfill').ReadableStreamDefaultController<Piece>
type TransformStreamDefaultController<Out = any> =
  import('web-streams-polyfill').TransformStreamDefaultController<Out>
type WritableStreamDefaultWriter<Piece = any> =
  import('web-streams-polyfill').WritableStreamDefaultWriter<Piece>
// biome-ignore-end lint/suspicious/noExplicitAny: as in the types of every other environment.
type Buffer = import('../node/buffer-library.ts').Buffer
type CompressionFormat = import('../web/compression-stream.ts').CompressionFormat
type CompressionStream = InstanceType<EremiteWeb['CompressionStream']>
type DecompressionStream = InstanceType<EremiteWeb['DecompressionStream']>
type TextDecoderStream = InstanceType<EremiteWeb['TextDecoderStream']>
type TextEncoderStream = InstanceType<EremiteWeb['TextEncoderStream']>
type Blob = InstanceType<EremiteWeb['Blob']>
type BlobPart = import('../web/blob.ts').BlobPart
type File = InstanceType<EremiteWeb['File']>
type FormData = InstanceType<EremiteWeb['FormData']>
type FormDataEntryValue = import('../web/form-data.ts').FormDataEntryValue
type CryptoKey = InstanceType<EremiteWeb['CryptoKey']>
type JsonWebKey = import('../web/hmac-key.ts').JsonWebKey
type RequestInit = import('../web/request.ts').RequestInit
type ResponseInit = import('../web/response.ts').ResponseInit
type BodyInit = import('../web/body.ts').BodyInit
type HeadersInit = import('../web/headers.ts').HeadersInit
type URL = InstanceType<EremiteWeb['URL']>
type URLSearchParams = InstanceType<EremiteWeb['URLSearchParams']>
/** What `export default` must be to be served: `{ port?, fetch(request) }`. */
type FetchApp = import('../web/fetch-service.ts').FetchApp

// The types of the language know locales, and this engine does not: `Intl` is not there, and these
// ignore what they are given, with one line in the log.
interface Number {
  /** @deprecated Locale and options are ignored: there is no Intl. */
  toLocaleString(locale: string | readonly string[] | undefined, options?: object): string
}
interface BigInt {
  /** @deprecated Locale and options are ignored: there is no Intl. */
  toLocaleString(locale: string | readonly string[] | undefined, options?: object): string
}
interface Date {
  /** @deprecated Locale and options are ignored: there is no Intl. */
  toLocaleString(locale: string | readonly string[] | undefined, options?: object): string
  /** @deprecated Locale and options are ignored: there is no Intl. */
  toLocaleDateString(locale: string | readonly string[] | undefined, options?: object): string
  /** @deprecated Locale and options are ignored: there is no Intl. */
  toLocaleTimeString(locale: string | readonly string[] | undefined, options?: object): string
}
interface Array<T> {
  /** @deprecated Locale and options are ignored: there is no Intl. */
  toLocaleString(locale: string | string[], options?: object): string
}
interface String {
  /** @deprecated Locale and options are ignored: there is no Intl. */
  localeCompare(
    that: string,
    locale: string | readonly string[] | undefined,
    options?: object,
  ): number
}
