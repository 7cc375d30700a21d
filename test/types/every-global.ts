/** Everything that an app may name, in the types that an editor sees. It is compiled only: tsc is the test. */
import { connect, listen, listenDatagram, system, type TcpStream } from 'eremite'

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
for await (const piece of new Response('x').body!) console.log(piece.length)
