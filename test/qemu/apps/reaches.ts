/** Connects where it is asked to (`GET /HOSTNAME`); says by which interface, and what it heard. */
import { connect } from 'eremite'

const PORT = 7000

export default {
  async fetch(request: Request): Promise<Response> {
    const hostname = decodeURIComponent(new URL(request.url).pathname.slice(1))
    try {
      const connection = await connect({ hostname, port: PORT })
      const target = new Uint8Array(64)
      const length = (await connection.read(target)) ?? 0
      const said = new TextDecoder().decode(target.subarray(0, length))
      const { interface: used } = connection.info()
      connection.abort()
      return Response.json({ said, interface: used, local: connection.localAddress.hostname })
    } catch (error) {
      return Response.json({ error: (error as Error).message })
    }
  },
}
