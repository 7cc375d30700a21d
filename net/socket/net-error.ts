/** Why a connection or a call of the network API failed, as applications see it. */

export type NetErrorCode =
  /** The peer answered a connection attempt with a reset, or a port-unreachable came back. */
  | 'refused'
  /** The peer reset the connection. */
  | 'reset'
  /** The peer did not answer for longer than the timeout in force. */
  | 'timeout'
  /** No route, no neighbor, or a router said so. */
  | 'unreachable'
  /** This side aborted the connection. */
  | 'aborted'
  /** The connection, stream or listener was closed before the call. */
  | 'closed'
  /** There is no such name, or it has no address. */
  | 'name-not-found'
  /** No name server could be asked, or none answered: later, the same may work. */
  | 'name-unresolved'
  /** Another listener has the port, or no ephemeral port is free. */
  | 'address-in-use'
  /** Buffers or connections have reached their limit. */
  | 'exhausted'
  /** A datagram is larger than the path takes in one packet. */
  | 'message-too-large'
  /** A router on the way found the hop limit used up, or fragments missing. */
  | 'time-exceeded'
  /** A broadcast, by a socket whose settings do not allow them. */
  | 'not-permitted'

export class NetError extends Error {
  readonly code: NetErrorCode

  constructor(code: NetErrorCode, message: string) {
    super(message)
    this.name = 'NetError'
    this.code = code
  }
}
