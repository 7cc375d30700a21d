/** UDP conversations of a peer: one datagram out, and what comes of it. */
import { createSocket, type Socket } from 'node:dgram'
import { isIPv6 } from 'node:net'
import type { DatagramResult, PeerRequests } from './requests.ts'

/**
 * The socket is connected, so that the kernel reports a port unreachable and lets nobody else
 * answer.
 */
export async function datagram(
  request: PeerRequests['datagram']['takes'],
): Promise<DatagramResult> {
  const { host, port, sourcePort = 0, timeoutMs } = request
  const socket = createSocket(isIPv6(host) ? 'udp6' : 'udp4')
  const startedAt = performance.now()
  const gives = (outcome: DatagramResult['outcome'], received?: Buffer): DatagramResult => ({
    outcome,
    received: received?.toString('base64') ?? '',
    elapsedMs: performance.now() - startedAt,
  })
  try {
    await settled(socket, 'listening', () => socket.bind(sourcePort))
    await settled(socket, 'connect', () => socket.connect(port, host))
    return await new Promise<DatagramResult>((resolve, reject) => {
      const timer = setTimeout(() => resolve(gives('silence')), timeoutMs)
      const finish = (act: () => void): void => {
        clearTimeout(timer)
        act()
      }
      socket.once('message', (message) => finish(() => resolve(gives('answer', message))))
      socket.once('error', (error: NodeJS.ErrnoException) =>
        finish(() => (error.code === 'ECONNREFUSED' ? resolve(gives('refused')) : reject(error))),
      )
      socket.send(Buffer.from(request.send, 'base64'))
    })
  } finally {
    socket.close()
  }
}

/** Resolves on `event`; rejects on an error. */
function settled(socket: Socket, event: 'listening' | 'connect', start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.once(event, () => {
      socket.off('error', reject)
      resolve()
    })
    start()
  })
}
