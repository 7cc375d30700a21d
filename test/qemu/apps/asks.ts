/** An app that resolves, connects and fetches as it is told over HTTP, and says what came of it. */
/// <reference path="../../../kernel/eremite.d.ts" />
import { connect, NetError, ping, resolve, system } from 'eremite'

async function ask(path: string, parameters: URLSearchParams): Promise<unknown> {
  const name = parameters.get('name') ?? ''
  const port = Number(parameters.get('port'))
  const startMs = system.nowMs()
  if (path === '/statistics') return system.statistics().dns
  if (path === '/resolve') return { addresses: await resolve(name) }
  if (path === '/hello') return { hello: 'yourself' }
  if (path === '/ping') return ping(name)
  if (path === '/connect') {
    const stream = await connect({ hostname: name, port })
    const elapsedMs = system.nowMs() - startMs
    stream.close()
    return { hostname: stream.remoteAddress.hostname, elapsedMs }
  }
  const response = await fetch(`http://${name}:${port}/`, { signal: AbortSignal.timeout(30_000) })
  return { status: response.status, ...((await response.json()) as object) }
}

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    try {
      return Response.json(await ask(pathname, searchParams))
    } catch (error) {
      const { name, message } = error as Error
      const cause = (error as Error).cause ?? error
      const code = cause instanceof NetError ? cause.code : null
      return Response.json({ name, message, code }, { status: 502 })
    }
  },
}
