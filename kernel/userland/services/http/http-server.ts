/** The HTTP service of the built-in app: its connections and the pattern they share. */
import type { TcpSocket } from '../../../../net/socket/tcp/tcp-socket.ts'
import { ConnectionTable } from '../../http/connection-table.ts'
import { HeadCache } from '../../http/head-cache.ts'
import { KnownHead } from '../../http/known-head.ts'
import { History } from '../../status/history.ts'
import { PATTERN_BYTES, Pattern } from '../pattern.ts'
import type { AppSystem } from '../system.ts'
import { HttpConnection } from './http-connection.ts'
import { LastAnswer } from './last-answer.ts'

export const HTTP_PORT = 80

/**
 * After boot the pattern is made ahead, a piece at a time, so that the first /bytes/N is as fast as
 * the next.
 */
const MAKE_AHEAD_DELAY_MS = 5
const MAKE_AHEAD_INTERVAL_MS = 1

/** Give each new socket to `start` and name the result as its handler. */
export function createHttpServer(system: AppSystem): ConnectionTable {
  const pattern = new Pattern(system.allocateShared(PATTERN_BYTES))
  const history = new History(system)
  const caches = { heads: new HeadCache(), known: new KnownHead(), last: new LastAnswer() }
  const shared = { system, pattern, ...caches, history }
  const makeAhead = (delayMs: number) => {
    system.after(delayMs, () => {
      if (pattern.makeAhead()) makeAhead(MAKE_AHEAD_INTERVAL_MS)
    })
  }
  makeAhead(MAKE_AHEAD_DELAY_MS)
  const blank = new HttpConnection(system, shared)
  const open = (socket: TcpSocket) => {
    const connection = system.copyRecord(blank)
    connection.begin(socket)
    return connection
  }
  return new ConnectionTable(system, open)
}
