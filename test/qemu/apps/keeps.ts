/**
 * An app that keeps whole bodies in memory, makes garbage, and streams back what it is invited to
 * read.
 */

let peak: unknown[] = []

/** Objects that refer to each other, 100 kB each: only a search for garbage finds them. */
async function makeGarbage(count: number): Promise<void> {
  for (let made = 0; made < count; made++) {
    const garbage: { bytes: Uint8Array; self?: unknown } = { bytes: new Uint8Array(100_000) }
    garbage.self = garbage
    if (made % 10 === 0) await new Promise<void>((resolve) => setTimeout(resolve, 0))
  }
}

export default {
  async fetch(request: Request): Promise<Response> {
    switch (new URL(request.url).pathname) {
      case '/length':
        return new Response(`${(await request.text()).length}`)
      case '/json':
        return new Response(typeof (await request.json()))
      case '/mirror':
        return new Response(request.body)
      case '/peak':
        try {
          for (;;) peak.push([])
        } catch {
          peak = []
        }
        return new Response('over')
      case '/garbage':
        await makeGarbage(1000)
        return new Response('made')
      default:
        return new Response('hello')
    }
  },
}
