/**
 * A client: forwards what it is asked to a web server on your own machine, as user-mode networking
 * shows it to the guest.
 *
 * python3 -m http.server 8000, and in another terminal make run APP=examples/proxy.ts NET=user
 */
import { connect } from 'eremite'

const HOST = '10.0.2.2'
const PORT = 8000

/** Is anybody there? A connection says so before the first request does. */
async function knock(): Promise<void> {
  try {
    const stream = await connect({ hostname: HOST, port: PORT })
    stream.close()
    console.log(`${HOST}:${PORT} answers`)
  } catch (error) {
    console.warn(`${HOST}:${PORT} does not answer:`, error)
  }
}

void knock()

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url)
    try {
      return await fetch(`http://${HOST}:${PORT}${pathname}${search}`, {
        method: request.method,
        headers: request.headers,
        body: request.body,
        redirect: 'manual',
        signal: request.signal,
      })
    } catch (error) {
      console.warn(error)
      return new Response(`${error}\n`, { status: 502 })
    }
  },
}
