/**
 * An app whose clients are many, and often gone before their answer is: it counts what it learns of
 * them.
 */
import { listen, system } from 'eremite'
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'

const counts = { begun: 0, canceled: 0, signaled: 0, aborted: 0 }
const app = new Hono()

/** Ticks for ever, as a feed does. */
function ticks(): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setInterval>
  return new ReadableStream({
    start(controller) {
      timer = setInterval(() => controller.enqueue(new TextEncoder().encode('tick\n')), 50)
    },
    cancel() {
      clearInterval(timer)
      counts.canceled++
    },
  })
}

app.get('/', (context) => context.text('hello\n'))
app.get('/ticks', ({ req }) => {
  counts.begun++
  req.raw.signal.addEventListener('abort', () => counts.signaled++)
  return new Response(ticks())
})
app.get('/silence', ({ req }) => {
  counts.begun++
  req.raw.signal.addEventListener('abort', () => counts.signaled++)
  const cancel = () => {
    counts.canceled++
  }
  return new Response(new ReadableStream({ cancel }))
})
app.get('/events', (context) =>
  streamSSE(context, async (stream) => {
    counts.begun++
    stream.onAbort(() => {
      counts.aborted++
    })
    while (!stream.aborted) {
      await stream.writeSSE({ data: 'tick' })
      await stream.sleep(50)
    }
  }),
)
app.post('/mirror', ({ req }) => new Response(req.raw.body))
app.get('/counts', (context) => {
  const { connections, memory } = system.statistics()
  return context.json({ ...counts, connections, memory })
})

export default app

// One that a connection breaks in every way must go on too.
listen({ port: 7777 }, async (connection) => {
  const bytes = new Uint8Array(64)
  const length = await connection.read(bytes)
  if (bytes[0] === 0x21) throw new Error('broken on purpose')
  if (length !== null) await connection.write(bytes.subarray(0, length))
})
