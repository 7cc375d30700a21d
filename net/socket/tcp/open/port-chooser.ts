/** Local ports of active opens: random, free, and not a listener's (RFC 6056). */
import type { IpAddress } from '../../../wire/ip-address.ts'
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
  choose(local: IpAddress, remote: IpAddress, remotePort: number): number {
    const { secrets } = this
    let port = 0
    for (let attempt = 0; attempt < EPHEMERAL_PORT_TRIES; attempt++) {
      port = secrets.ephemeralPort()
      if (this.isFree(local, port, remote, remotePort)) return port
    }
    for (let attempt = 0; attempt < FOLLOWING_PORT_TRIES; attempt++) {
      port = secrets.ephemeralPortAfter(port)
      if (this.isFree(local, port, remote, remotePort)) return port
    }
    return 0
  }

  private isFree(local: IpAddress, port: number, remote: IpAddress, remotePort: number): boolean {
    return !this.listeners.hasPort(port) && !this.isTaken(local, port, remote, remotePort)
  }

  isTaken(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean {
    const { connections, waits } = this
    if (connections.findByAddresses(local, localPort, remote, remotePort) !== null) return true
    const ports = (remotePort << 16) | localPort
    return waits.find(remote, local, ports, connections.soughtHash) !== null
  }
}
