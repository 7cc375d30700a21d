/** What datagram sockets of every protocol need of the protocol that runs them. */
import type { Egress } from '../../iface/protocol-handler.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import type { BulkOperations } from '../../storage/buffer.ts'
import type { GroupHost } from './group-filters.ts'
import type { QueueMemory } from './queue-memory.ts'
import type { SendDropCounters } from './send-queue.ts'

/** What a composition root gives each of these protocols. */
export interface DatagramParts {
  readonly egress: Egress
  readonly bulk: BulkOperations
  readonly random: RandomSource
  readonly groups: GroupHost
  readonly memory: QueueMemory
}

export interface DatagramDropCounters extends SendDropCounters {
  /** No socket wants it: answered with port or protocol unreachable. */
  noSocket: number
  /** To a group that no socket of the port has joined, or from a source that none wants. */
  notJoined: number
  /** The socket's queue is full, or there is no memory for one. */
  receiveQueueFull: number
  /** An answer, when there was no memory for the queue. */
  noMemory: number
}

/** What a protocol has done and why it dropped what it dropped. */
export interface DatagramStatistics {
  /** Put into a socket's receive queue. */
  datagramsReceived: number
  /** Payload of those. */
  bytesReceived: number
  datagramsSent: number
  bytesSent: number
  /** ICMP errors that concern a peer some socket has sent to. */
  errorsReceived: number
  /** ICMP errors that concern nobody here. */
  errorsUnrelated: number
  readonly drops: DatagramDropCounters
}

export function createDatagramStatistics(): DatagramStatistics {
  return {
    datagramsReceived: 0,
    bytesReceived: 0,
    datagramsSent: 0,
    bytesSent: 0,
    errorsReceived: 0,
    errorsUnrelated: 0,
    drops: createDropCounters(),
  }
}

export function createDropCounters(): DatagramDropCounters {
  return {
    noSocket: 0,
    notJoined: 0,
    receiveQueueFull: 0,
    noMemory: 0,
    unresolved: 0,
    interfaceFull: 0,
    unreachable: 0,
    tooLong: 0,
  }
}

export interface DatagramHost<S> extends DatagramParts {
  readonly protocol: number
  readonly statistics: DatagramStatistics
  /** Time of the last packet or dispatch. */
  readonly nowMs: number
  /** The socket has news or something to send. */
  wake(socket: S): void
  /** The socket is closed. */
  forget(socket: S): void
}
