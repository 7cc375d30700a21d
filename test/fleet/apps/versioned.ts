/**
 * An app that says which version it is, takes a moment to answer, and ends with an error when asked
 * to.
 */
import { env } from 'eremite'

export default {
  async fetch(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url)
    if (pathname === '/crash')
      setTimeout(() => {
        throw new Error('asked to crash')
      }, 10)
    if (pathname === '/slow') await new Promise<void>((done) => setTimeout(done, 50))
    return new Response(env.VERSION ?? 'none')
  },
}
