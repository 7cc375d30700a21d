/** The built-in app: the services that kernel/README.md promises, each on its own port. */
import { listenTcp, listenUdp, system, type TcpSocket, type TcpSocketHandler } from 'eremite'
import { CHARGEN_PORT, ChargenService } from './chargen.ts'
import { CHARGEN_DATAGRAMS, DISCARD_DATAGRAMS, ECHO_DATAGRAMS } from './datagram-services.ts'
import { DISCARD_HANDLER, DISCARD_PORT } from './discard.ts'
import { ECHO_HANDLER, ECHO_PORT } from './echo.ts'
import { createHttpServer, HTTP_PORT } from './http/http-server.ts'
import { Iperf3Server } from './iperf3/iperf3-server.ts'
import { IPERF3_PORT } from './iperf3/protocol.ts'

/**
 * After so long without a word from the peer it is probed, so that dead ones do not stay; thousands
 * of idle ones cost little then.
 */
const KEEP_ALIVE_MS = 600_000

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
    listenUdp(ECHO_PORT, ECHO_DATAGRAMS)
  },
  discard() {
    serve(DISCARD_PORT, DISCARD_HANDLER, (socket) => DISCARD_HANDLER.onReadable?.(socket))
    listenUdp(DISCARD_PORT, DISCARD_DATAGRAMS)
  },
  chargen() {
    const service = new ChargenService()
    serve(CHARGEN_PORT, service, (socket) => service.start(socket))
    listenUdp(CHARGEN_PORT, CHARGEN_DATAGRAMS)
  },
  http() {
    const server = createHttpServer(system)
    // Its own time limits end who is silent, long before he would be probed.
    listenTcp(HTTP_PORT, (socket) => {
      socket.handler = server
      server.start(socket)
    })
  },
  iperf3() {
    const server = new Iperf3Server(system)
    serve(IPERF3_PORT, server, (socket) => server.accept(socket))
  },
}

if (system.hasNetwork) {
  for (const name of system.services ?? Object.keys(STARTERS)) STARTERS[name]?.()
}
