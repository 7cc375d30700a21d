/** The built-in app: the services that DESIGN §3 promises, each on its own port. */
import { listenTcp, system } from 'eremite'
import { CHARGEN_PORT, ChargenService } from './chargen.ts'
import { DISCARD_HANDLER, DISCARD_PORT } from './discard.ts'
import { ECHO_HANDLER, ECHO_PORT } from './echo.ts'
import { HTTP_PORT, HttpServer } from './http/http-server.ts'

const STARTERS: Readonly<Record<string, () => void>> = {
  echo() {
    listenTcp(ECHO_PORT, (socket) => {
      socket.handler = ECHO_HANDLER
      ECHO_HANDLER.onReadable?.(socket)
    })
  },
  discard() {
    listenTcp(DISCARD_PORT, (socket) => {
      socket.handler = DISCARD_HANDLER
      DISCARD_HANDLER.onReadable?.(socket)
    })
  },
  chargen() {
    const service = new ChargenService()
    listenTcp(CHARGEN_PORT, (socket) => {
      socket.handler = service
      service.start(socket)
    })
  },
  http() {
    const server = new HttpServer(system)
    listenTcp(HTTP_PORT, (socket) => {
      socket.handler = server
      server.start(socket)
    })
  },
  iperf3() {
    system.warn('the iperf3 service comes with a later version and is not started')
  },
}

const DEFAULT_SERVICES = ['echo', 'discard', 'chargen', 'http']

if (system.hasNetwork) {
  for (const name of system.services ?? DEFAULT_SERVICES) STARTERS[name]?.()
}
