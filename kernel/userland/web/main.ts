/**
 * What the build puts around an app with a default export: serves its `fetch` once the app's own
 * code has run.
 */

import * as app from 'eremite:app'
import { listenTcp, system } from 'eremite'
import { ConnectionTable } from '../http/connection-table.ts'
import { contentBudget } from './content-budget.ts'
import { FetchConnection } from './fetch-connection.ts'
import { FetchService, readFetchApp } from './fetch-service.ts'
import { withHealth } from './health.ts'
import { logError } from './host-globals.ts'

/**
 * After so long without a word from the peer it is probed, so that dead ones do not keep their
 * buffers.
 */
const KEEP_ALIVE_MS = 60_000

contentBudget.useHeap(system)
const { port, handler, health } = readFetchApp(app.default)
const { decodeText, headLength } = system
const debug = (message: string) => system.debug(message)
const isEnding = () => system.shutdown.aborted
const parts = { isEnding, clock: system, debug }
const served = health === null ? handler : withHealth(handler, { check: health, ...parts })
const service = new FetchService({
  handler: served,
  clock: system,
  decodeText,
  headLength,
  report: logError,
  debug,
})
const table = new ConnectionTable(system, (socket) => new FetchConnection(socket, service))
listenTcp(port, (socket) => {
  socket.setKeepAlive(KEEP_ALIVE_MS)
  // Small pieces of a stream leave when they are made.
  socket.setNoDelay(true)
  socket.handler = table
  table.start(socket)
})
