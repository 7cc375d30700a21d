/** What became of a datagram that was to be sent. */

export const DatagramSend = {
  Queued: 0,
  /** The send queue is full: `onWritable` follows. */
  Full: 1,
  /** More than goes this way in one datagram. */
  TooLong: 2,
  /** No route, no usable source address, or no port to send to. */
  Unreachable: 3,
  Closed: 4,
  /** A broadcast, by a socket whose settings do not allow them. */
  NotPermitted: 5,
  /** There is no memory for the queue. */
  NoMemory: 6,
} as const
export type DatagramSend = (typeof DatagramSend)[keyof typeof DatagramSend]
