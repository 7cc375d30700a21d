/** Makes the guest reachable from the person's own host, and stays until Ctrl-C. */
import { createServer, type Server } from 'node:net'
import { describeExit, GUEST_ADDRESS4, type Peer, type Vm } from 'qemu-runner'
import { RunError } from './run-error.ts'

const HTTP_PORT = 80

/**
 * Listens on 127.0.0.1 here; the peer inside the namespace relays each connection. The port is that of the
 * listening socket, which was made on this side of the wall.
 */
export async function openDoor(
  peer: Peer,
  port: number,
): Promise<{ server: Server; port: number }> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const cause = error.code === 'EADDRINUSE' ? 'the port is in use' : error.message
      reject(
        new RunError(
          `Cannot listen on 127.0.0.1 port ${port}: ${cause}`,
          'leave PORT= out, and a free one is picked',
        ),
      )
    })
    server.listen(port, '127.0.0.1', () => resolve())
  })
  const chosen = (server.address() as { port: number }).port
  await peer.request('forward', { host: GUEST_ADDRESS4, port: HTTP_PORT }, server)
  return { server, port: chosen }
}

/** Resolves at Ctrl-C or a TERM signal; throws RunError when the guest ends first. */
export async function stayUntilInterrupted(vm: Vm): Promise<void> {
  let stop = (): void => undefined
  const interrupted = new Promise<'interrupted'>((resolve) => {
    stop = () => resolve('interrupted')
    process.once('SIGINT', stop)
    process.once('SIGTERM', stop)
    process.once('SIGHUP', stop)
  })
  const end = await Promise.race([interrupted, vm.exited])
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, stop)
  if (end === 'interrupted') return
  throw new RunError(
    `The guest ended while it served: ${describeExit(end)}; it said: ${vm.console.tail(8).trim().split('\n').join(' | ') || 'nothing'}`,
    'make debug shows where it stands',
  )
}
