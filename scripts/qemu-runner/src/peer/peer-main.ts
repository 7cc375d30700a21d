/**
 * The peer process: takes requests over IPC, answers each by its id. Started inside a namespace by
 * `Peer`.
 */
import type { Server } from 'node:net'
import { datagram } from './datagram-exchange.ts'
import { download, upload } from './http-transfer.ts'
import { servePattern } from './pattern-server.ts'
import type { PeerAnswer, PeerCall, PeerRequestName, PeerRequests, Target } from './requests.ts'
import { connectOnly, discard, echo, exchange, forward } from './stream-exchange.ts'

type Handlers = {
  [N in PeerRequestName]: (
    argument: PeerRequests[N]['takes'],
    handle: unknown,
  ) => PeerRequests[N]['gives'] | Promise<PeerRequests[N]['gives']>
}

const handlers: Handlers = {
  download,
  upload,
  echo,
  discard,
  exchange,
  datagram,
  connect: connectOnly,
  'serve-pattern': servePattern,
  forward: (target: Target, handle) => {
    forward(handle as Server, target)
    return {}
  },
}

async function serve(call: PeerCall, handle: unknown): Promise<PeerAnswer> {
  try {
    const handler = handlers[call.name] as (argument: unknown, handle: unknown) => unknown
    return { id: call.id, result: await handler(call.argument, handle) }
  } catch (error) {
    const { message, code } = error as NodeJS.ErrnoException
    return { id: call.id, error: { message, ...(code === undefined ? {} : { code }) } }
  }
}

process.on('message', (message, handle) => {
  void serve(message as PeerCall, handle).then((answer) => process.send?.(answer))
})
process.on('disconnect', () => process.exit())
process.send?.({ id: 0 } satisfies PeerAnswer)
