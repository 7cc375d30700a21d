/** Tells what it was given: settings by both ways, and files. */
import { env, files } from 'eremite'

const { NODE_ENV, ...rest } = { NODE_ENV: process.env.NODE_ENV, ...process.env }

export default {
  fetch: (request: Request): Response => {
    const name = new URL(request.url).pathname.slice(1)
    if (name === '') return Response.json({ env, same: rest, NODE_ENV, files: files.names() })
    return files.has(name) ? new Response(files.bytes(name)) : new Response(null, { status: 404 })
  },
}
