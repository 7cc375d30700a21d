/** Runs an application's handler for one connection of a listener, whose failure harms no other. */
import type { TcpStream } from './tcp-stream.ts'

/** The connection is closed once the handler, or the promise that it gives, is done. */
export type ConnectionHandler = (connection: TcpStream) => Promise<void> | void

/** Told what a handler has thrown; `error` is the connection's own when its peer is to blame. */
export type FailureReport = (connection: TcpStream, error: unknown) => void

/** Never rejects. */
export async function serveConnection(
  connection: TcpStream,
  handler: ConnectionHandler,
  report: FailureReport | null,
): Promise<void> {
  try {
    await handler(connection)
  } catch (error) {
    // Half an answer must not look like a whole one: only a reset says that.
    connection.abort()
    report?.(connection, error)
    return
  }
  connection.close()
}
