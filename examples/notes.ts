/**
 * A web app with hono: a JSON API and a stream of events.
 *
 * make run APP=examples/notes.ts, then at the printed address:
 *   curl -d '{"text":"buy milk"}' http://127.0.0.1:PORT/notes
 *   curl http://127.0.0.1:PORT/notes
 *   curl -N http://127.0.0.1:PORT/clock
 */
import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'

interface Note {
  readonly id: number
  readonly text: string
}

const notes: Note[] = []
const app = new Hono()

app.get('/notes', (context) => context.json(notes))
app.post('/notes', async (context) => {
  const { text } = await context.req.json<{ text?: unknown }>()
  if (typeof text !== 'string') return context.json({ error: 'text is missing' }, 422)
  const note = { id: notes.length + 1, text }
  notes.push(note)
  return context.json(note, 201)
})
app.get('/clock', (context) =>
  streamSSE(context, async (stream) => {
    for (let id = 1; id <= 5; id++) {
      await stream.writeSSE({ event: 'tick', id: `${id}`, data: performance.now().toFixed(0) })
      await stream.sleep(200)
    }
  }),
)

export default app
