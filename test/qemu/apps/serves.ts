/** An app that exports fetch: a JSON API, streams both ways, and every way of failing. */

const notes = new Map<number, string>()
let lastId = 0

function broken(): never {
  throw new RangeError('broken on purpose')
}

/** `bytes` octets, of which octet n is n mod 251: the length of a piece is a multiple of that. */
async function* octets(bytes: number): AsyncGenerator<Uint8Array> {
  const piece = new Uint8Array(251 * 261)
  for (let at = 0; at < piece.length; at++) piece[at] = at % 251
  for (let offset = 0; offset < bytes; offset += piece.length) {
    yield piece.subarray(0, Math.min(piece.length, bytes - offset))
  }
}

async function* endsBadly(): AsyncGenerator<string> {
  yield 'half an '
  throw new Error('the stream broke on purpose')
}

async function addNote(request: Request): Promise<Response> {
  const { text } = (await request.json()) as { text?: unknown }
  if (typeof text !== 'string') return Response.json({ error: 'text is missing' }, { status: 422 })
  notes.set(++lastId, text)
  return Response.json(
    { id: lastId, text },
    { status: 201, headers: { location: `/notes/${lastId}` } },
  )
}

export default {
  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    const note = /^\/notes\/(\d+)$/.exec(url.pathname)
    if (note !== null) {
      const text = notes.get(Number(note[1]))
      return text === undefined ? new Response(null, { status: 404 }) : Response.json({ text })
    }
    switch (`${request.method} ${url.pathname}`) {
      case 'POST /notes':
        return addNote(request)
      case 'GET /hello':
      case 'HEAD /hello':
        return new Response(`hello ${url.searchParams.get('name') ?? 'world'}\n`)
      case 'GET /stream':
        return new Response(octets(Number(url.searchParams.get('bytes'))) as never)
      case 'POST /mirror':
        return new Response(request.body)
      case 'GET /throws':
        return broken()
      case 'GET /breaks':
        return new Response(endsBadly() as never)
      default:
        return new Response('nothing here\n', { status: 404 })
    }
  },
}
