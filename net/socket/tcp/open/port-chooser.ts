/** Local ports of active opens: random, free, and not a listener's (RFC 6056). */
import type { Flow } from '../../../iface/protocol-handler.ts'
import type { ConnectionTable } from '../connection-table.ts'
import type { WaitTable } from '../reply/wait-table.ts'
import type { ListenerTable } from './listener-table.ts'
import type { Secrets } from './secrets.ts'

/** Ports tried at random: with half of all ports taken, one in a million connects needs more. */
const EPHEMERAL_PORT_TRIES = 20
/**
 * Then those that follow the last one, as algorithm 1 of RFC 6056 does: even with all but one in a
 * hundred taken one is found.
 */
const FOLLOWING_PORT_TRIES = 1_000

/** What of a path names a connection beside its ports. */
export type ConnectionPath = Pick<Flow, 'source' | 'destination' | 'interfaceIndex'>

export class PortChooser {
  private readonly secrets: Secrets
  private readonly connections: ConnectionTable
  private readonly waits: WaitTable
  private readonly listeners: ListenerTable

  constructor(
    secrets: Secrets,
    connections: ConnectionTable,
    waits: WaitTable,
    listeners: ListenerTable,
  ) {
    this.secrets = secrets
    this.connections = connections
    this.waits = waits
    this.listeners = listeners
  }

  /** A free local port for a connection to this peer, or 0. */
  choose(path: ConnectionPath, remotePort: number): number {
    const { secrets } = this
    let port = 0
    for (let attempt = 0; attempt < EPHEMERAL_PORT_TRIES; attempt++) {
      port = secrets.ephemeralPort()
      if (this.isFree(path, port, remotePort)) return port
    }
    for (let attempt = 0; attempt < FOLLOWING_PORT_TRIES; attempt++) {
      port = secrets.ephemeralPortAfter(port)
      if (this.isFree(path, port, remotePort)) return port
    }
    return 0
  }

  private isFree(path: ConnectionPath, port: number, remotePort: number): boolean {
    return !this.listeners.hasPort(port) && !this.isTaken(path, port, remotePort)
  }

  isTaken(path: ConnectionPath, localPort: number, remotePort: number): boolean {
    const { connections, waits } = this
    const { source, destination, interfaceIndex } = path
    const ends = [source, localPort, destination, remotePort, interfaceIndex] as const
    if (connections.findByAddresses(...ends) !== null) return true
    const ports = (remotePort << 16) | localPort
    const hash = connections.soughtHash
    return waits.find(destination, source, ports, hash, interfaceIndex) !== null
  }
}
