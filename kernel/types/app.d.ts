/**
 * Types for apps: the module `eremite` and the web globals of the guest. Not part of the image's own program, so
 * that kernel, drivers and net cannot lean on globals: `/// <reference path=".../kernel/types/app.d.ts" />`.
 */
/// <reference path="../eremite.d.ts" />

type EremiteGlobals = import('../globals/app-globals.ts').AppGlobals

declare const console: EremiteGlobals['console']
declare const setTimeout: EremiteGlobals['setTimeout']
declare const clearTimeout: EremiteGlobals['clearTimeout']
declare const setInterval: EremiteGlobals['setInterval']
declare const clearInterval: EremiteGlobals['clearInterval']
declare const queueMicrotask: EremiteGlobals['queueMicrotask']
declare const performance: EremiteGlobals['performance']
declare const crypto: EremiteGlobals['crypto']
declare const TextEncoder: EremiteGlobals['TextEncoder']
declare const TextDecoder: EremiteGlobals['TextDecoder']
type TextEncoder = InstanceType<EremiteGlobals['TextEncoder']>
type TextDecoder = InstanceType<EremiteGlobals['TextDecoder']>

// Bundled into an app that names them; free names and members of globalThis alike.
type EremiteWeb = typeof import('../web/globals.ts')

declare const AbortController: EremiteWeb['AbortController']
declare const AbortSignal: EremiteWeb['AbortSignal']
declare const DOMException: EremiteWeb['DOMException']
declare const Headers: EremiteWeb['Headers']
declare const Request: EremiteWeb['Request']
declare const Response: EremiteWeb['Response']
declare const ByteLengthQueuingStrategy: EremiteWeb['ByteLengthQueuingStrategy']
declare const CountQueuingStrategy: EremiteWeb['CountQueuingStrategy']
declare const ReadableStream: EremiteWeb['ReadableStream']
declare const TransformStream: EremiteWeb['TransformStream']
declare const WritableStream: EremiteWeb['WritableStream']
declare const fetch: typeof import('../web/network-globals.ts')['fetch']
declare const structuredClone: EremiteWeb['structuredClone']
declare const URL: EremiteWeb['URL']
declare const URLSearchParams: EremiteWeb['URLSearchParams']
declare const atob: EremiteWeb['atob']
declare const btoa: EremiteWeb['btoa']
type AbortController = InstanceType<EremiteWeb['AbortController']>
type AbortSignal = import('../web/abort.ts').AbortSignal
type DOMException = InstanceType<EremiteWeb['DOMException']>
type Headers = InstanceType<EremiteWeb['Headers']>
type Request = InstanceType<EremiteWeb['Request']>
type Response = InstanceType<EremiteWeb['Response']>
// biome-ignore-start lint/suspicious/noExplicitAny: as in the types of every other environment.
type ReadableStream<Piece = any> = import('web-streams-polyfill').ReadableStream<Piece>
type WritableStream<Piece = any> = import('web-streams-polyfill').WritableStream<Piece>
type TransformStream<In = any, Out = any> = import('web-streams-polyfill').TransformStream<In, Out>
// biome-ignore-end lint/suspicious/noExplicitAny: as in the types of every other environment.
type RequestInit = import('../web/request.ts').RequestInit
type ResponseInit = import('../web/response.ts').ResponseInit
type BodyInit = import('../web/body.ts').BodyInit
type HeadersInit = import('../web/headers.ts').HeadersInit
type URL = InstanceType<EremiteWeb['URL']>
type URLSearchParams = InstanceType<EremiteWeb['URLSearchParams']>
/** What `export default` must be to be served: `{ port?, fetch(request) }`. */
type FetchApp = import('../web/fetch-service.ts').FetchApp
