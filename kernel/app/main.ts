/** The built-in app: the services that DESIGN §3 promises, each on its own port. */
import { listenTcp, system, type TcpSocket, type TcpSocketHandler } from 'eremite'
import { CHARGEN_PORT, ChargenService } from './chargen.ts'
import { DISCARD_HANDLER, DISCARD_PORT } from './discard.ts'
import { ECHO_HANDLER, ECHO_PORT } from './echo.ts'
import { createHttpServer, HTTP_PORT } from './http/http-server.ts'

/** After so long without a word from the peer it is probed, so that dead ones do not keep their buffers. */
const KEEP_ALIVE_MS = 60_000

function serve(port: number, handler: TcpSocketHandler, start: (socket: TcpSocket) => void): void {
  listenTcp(port, (socket) => {
    socket.setKeepAlive(KEEP_ALIVE_MS)
    socket.handler = handler
    start(socket)
  })
}

const STARTERS: Readonly<Record<string, () => void>> = {
  echo() {
    serve(ECHO_PORT, ECHO_HANDLER, (socket) => ECHO_HANDLER.onReadable?.(socket))
  },
  discard() {
    serve(DISCARD_PORT, DISCARD_HANDLER, (socket) => DISCARD_HANDLER.onReadable?.(socket))
  },
  chargen() {
    const service = new ChargenService()
    serve(CHARGEN_PORT, service, (socket) => service.start(socket))
  },
  http() {
    const server = createHttpServer(system)
    serve(HTTP_PORT, server, (socket) => server.start(socket))
  },
  iperf3() {
    system.warn('the iperf3 service comes with a later version and is not started')
  },
}

const DEFAULT_SERVICES = ['echo', 'discard', 'chargen', 'http']

if (system.hasNetwork) {
  for (const name of system.services ?? DEFAULT_SERVICES) STARTERS[name]?.()
}
