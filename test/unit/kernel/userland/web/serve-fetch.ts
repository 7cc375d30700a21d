/** A handler behind a FetchConnection on a fake socket, as a test talks to it. */
import { ConnectionTable } from '../../../../../kernel/userland/http/connection-table.ts'
import { FetchConnection } from '../../../../../kernel/userland/web/fetch-connection.ts'
import { FetchService, type Handler } from '../../../../../kernel/userland/web/fetch-service.ts'
import { headLengthNative } from '../../../../support/head-length-native.ts'
import { FakeTcpSocket } from '../services/fake-tcp-socket.ts'

export interface ServedApp {
  readonly socket: FakeTcpSocket
  /** What the service logs as errors, and at debug. */
  readonly reports: string[]
  readonly debugLines: string[]
  /** Lets `bytes` arrive and all promise jobs run; everything sent so far. */
  send(bytes: string): Promise<string>
  /** The guest is asked to end. */
  windDown(): void
}

export function serveFetch(handler: Handler): ServedApp {
  const clock = { nowMs: () => 0, after: () => {} }
  const reports: string[] = []
  const debugLines: string[] = []
  const service = new FetchService({
    handler,
    clock,
    decodeText: (bytes, offset, length) =>
      new TextDecoder().decode(bytes.subarray(offset, offset + length)),
    headLength: headLengthNative,
    report: (...values) => reports.push(values.join(' ')),
    debug: (message) => debugLines.push(message),
  })
  const table = new ConnectionTable(clock, (it) => new FetchConnection(it, service))
  const socket = new FakeTcpSocket()
  table.start(socket.asSocket())
  return {
    ...{ socket, reports, debugLines },
    windDown: () => table.onWindDown(socket.asSocket()),
    async send(bytes) {
      socket.arrive(bytes)
      table.onReadable(socket.asSocket())
      for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
      return socket.sent.toString('latin1')
    },
  }
}
