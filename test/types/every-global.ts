/**
 * Everything that an app may name, in the types that an editor sees. It is compiled only: tsc is
 * the test.
 */
import { connect, env, files, listen, listenDatagram, system, type TcpStream } from 'eremite'

const s = new ReadableStream<Uint8Array>({
  start(c) {
    c.enqueue(new Uint8Array(1))
    c.close()
  },
})
const r = new Response(s)
const t: Promise<string> = r.text()
const h = new Headers({ a: 'b' })
h.set('x', '1')
const clone = structuredClone({ a: [1, 2] })
clone.a.push(3)
const id = setTimeout((name: string) => console.log(name), 10, 'x')
clearTimeout(id)
const u = new URL('http://a/b?c')
u.searchParams.get('c')
const res = await fetch('http://10.0.0.1/', {
  method: 'POST',
  body: JSON.stringify({}),
  headers: { a: 'b' },
  signal: AbortSignal.timeout(5),
})
const data = (await res.json()) as { a: number }
const app: FetchApp = { fetch: (req: Request) => Response.json({ url: req.url, data, t }) }
export default app
crypto.getRandomValues(new Uint8Array(4))
crypto.randomUUID()
queueMicrotask(() => {})
performance.now()
atob(btoa('x'))
let stream: TcpStream | undefined
void [listen, connect, listenDatagram, system, stream]
const ending: AbortSignal = system.shutdown
ending.addEventListener('abort', () => system.shutdown.waitUntil(Promise.resolve()))
await fetch('http://10.0.0.1/', { signal: AbortSignal.any([ending, AbortSignal.timeout(5)]) })
await fetch('http://10.0.0.1/', { signal: system.shutdown })
await system.shutdown.requested
for await (const piece of new Response('x').body!) console.log(piece.length)

const form: FormData = await new Request('http://a/', {
  method: 'POST',
  body: new FormData(),
}).formData()
const entry: FormDataEntryValue | null = form.get('x')
if (entry instanceof File) console.log(entry.name, entry.size, await entry.text())
const blob: Blob = await new Response(new Blob(['x', new Uint8Array(1)], { type: 'a/b' })).blob()
const reader: ReadableStreamDefaultReader<Uint8Array> = blob.stream().getReader()
const { value } = await reader.read()
console.log(value?.length)
const lines: ReadableStream<string> = new Response('x')
  .body!.pipeThrough(new CompressionStream('gzip'))
  .pipeThrough(new DecompressionStream('gzip'))
  .pipeThrough(new TextDecoderStream())
const posted = new Request('http://a/', {
  method: 'POST',
  body: lines.pipeThrough(new TextEncoderStream()),
  duplex: 'half',
})
const [left, right] = posted.clone().body!.tee()
await left.cancel()
await right.pipeTo(new WritableStream())
const key: CryptoKey = await crypto.subtle.importKey(
  'raw',
  new Uint8Array(1),
  { name: 'HMAC', hash: 'SHA-256' },
  true,
  ['sign'],
)
const jwk: JsonWebKey = await crypto.subtle.exportKey('jwk', key)
const digest: ArrayBuffer = await crypto.subtle.digest('SHA-512', new Uint8Array(1))
const signature: ArrayBuffer = await crypto.subtle.sign('HMAC', key, digest)
console.log(await crypto.subtle.verify('HMAC', key, signature, digest), jwk.k)
const any: AbortSignal = AbortSignal.any([AbortSignal.timeout(1), new AbortController().signal])
any.addEventListener('abort', ({ type }) => console.log(type), { signal: any, once: true })
console.log((1).toLocaleString(), new Date().toLocaleDateString(), 'a'.localeCompare('b'))

const style: Promise<{ default: string }> = import('./any.css')
const picture: Promise<{ default: Uint8Array }> = import('./any.png')
void [style, picture]

const setting: string | undefined = process.env.NAME ?? env.NAME
const content: string = files.has('a') ? files.text('a') : String(files.bytes('b').length)
void [setting, content, files.names()]
