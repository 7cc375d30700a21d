/**
 * The load process: takes requests over IPC, one at a time, answers each by its id. Started by
 * `LoadGenerator`.
 */

import { connects } from './connects.ts'
import { echoDatagram, echoStream } from './echo-rounds.ts'
import { firstEcho } from './first-echo.ts'
import { askHeld, countHeld, getText, hold, visit } from './held-connections.ts'
import { httpRequests } from './http-requests.ts'
import type { LoadAnswer, LoadCall, LoadName, LoadRequests } from './load-requests.ts'
import { countNumbers, serveNumbers } from './repeating-service.ts'

type Handlers = {
  [N in LoadName]: (argument: LoadRequests[N]['takes']) => Promise<LoadRequests[N]['gives']>
}

const handlers: Handlers = {
  'echo-stream': echoStream,
  'echo-datagram': echoDatagram,
  http: httpRequests,
  connects,
  'first-echo': firstEcho,
  hold,
  'count-held': countHeld,
  'ask-held': askHeld,
  visit,
  'get-text': getText,
  'serve-numbers': serveNumbers,
  'count-numbers': countNumbers,
}

async function answer(call: LoadCall): Promise<LoadAnswer> {
  try {
    const handler = handlers[call.name] as (argument: unknown) => Promise<unknown>
    return { id: call.id, result: await handler(call.argument) }
  } catch (error) {
    return { id: call.id, error: (error as Error).message }
  }
}

process.on('message', (call) => {
  void answer(call as LoadCall).then((message) => process.send?.(message))
})
process.on('disconnect', () => process.exit())
process.send?.({ id: 0 } satisfies LoadAnswer)
