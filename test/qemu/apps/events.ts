/** Streams of events, as EventSource reads them: subscribers that stay, vanish, or do not read. */

type Controller = { enqueue(piece: Uint8Array): void; readonly desiredSize: number | null }

const encoder = new TextEncoder()
const HEADERS = { 'content-type': 'text/event-stream', 'cache-control': 'no-store' }
const PIECE = encoder.encode(`data: ${'x'.repeat(16_000)}\n\n`)

const history: string[] = []
const subscribers = new Set<Controller>()
const counts = { canceled: 0, aborted: 0, produced: 0, returned: 0 }

const eventOf = (id: number) => encoder.encode(`id: ${id}\ndata: ${history[id - 1]}\n\n`)

/** What was missed, then what comes. */
function subscribe(request: Request): Response {
  request.signal.addEventListener('abort', () => counts.aborted++)
  let own: Controller
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      own = controller
      subscribers.add(own)
      const last = Number(request.headers.get('last-event-id') ?? history.length)
      own.enqueue(encoder.encode('retry: 100\n\n'))
      for (let id = last + 1; id <= history.length; id++) own.enqueue(eventOf(id))
    },
    cancel() {
      subscribers.delete(own)
      counts.canceled++
    },
  })
  return new Response(body, { headers: HEADERS })
}

/** As fast as the client takes it. */
function flood(): Response {
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      counts.produced += PIECE.length
      controller.enqueue(PIECE)
    },
    cancel() {
      counts.canceled++
    },
  })
  return new Response(body, { headers: HEADERS })
}

/** By a generator, which is returned when nobody reads it any more. */
async function* ticks(): AsyncGenerator<Uint8Array> {
  try {
    for (let tick = 0; ; tick++) {
      yield encoder.encode(`data: ${tick}\n\n`)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  } finally {
    counts.returned++
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/events') return subscribe(request)
    if (pathname === '/flood') return flood()
    if (pathname === '/ticks') return new Response(ticks() as never, { headers: HEADERS })
    if (pathname === '/publish') {
      history.push(await request.text())
      for (const subscriber of subscribers) subscriber.enqueue(eventOf(history.length))
    }
    return Response.json({ open: subscribers.size, ...counts })
  },
}
