/** Local ports of active opens: random, free, and not a listener's (RFC 6056). */
import type { IpAddress } from '../../../wire/ip-address.ts'
import type { ConnectionTable } from '../connection-table.ts'
import type { TimeWaitTable } from '../reply/time-wait-table.ts'
import type { ListenerTable } from './listener-table.ts'
import type { Secrets } from './secrets.ts'

/** Ports tried before a connect fails: with half of all ports taken, one in a million such connects does. */
const EPHEMERAL_PORT_TRIES = 20

export class PortChooser {
  private readonly secrets: Secrets
  private readonly connections: ConnectionTable
  private readonly timeWaits: TimeWaitTable
  private readonly listeners: ListenerTable

  constructor(
    secrets: Secrets,
    connections: ConnectionTable,
    timeWaits: TimeWaitTable,
    listeners: ListenerTable,
  ) {
    this.secrets = secrets
    this.connections = connections
    this.timeWaits = timeWaits
    this.listeners = listeners
  }

  /** A free local port for a connection to this peer, or 0. */
  choose(local: IpAddress, remote: IpAddress, remotePort: number): number {
    for (let attempt = 0; attempt < EPHEMERAL_PORT_TRIES; attempt++) {
      const port = this.secrets.ephemeralPort()
      if (!this.listeners.hasPort(port) && !this.isTaken(local, port, remote, remotePort)) {
        return port
      }
    }
    return 0
  }

  isTaken(local: IpAddress, localPort: number, remote: IpAddress, remotePort: number): boolean {
    const { connections, timeWaits } = this
    if (connections.findByAddresses(local, localPort, remote, remotePort) !== null) return true
    const ports = (remotePort << 16) | localPort
    return timeWaits.find(remote, local, ports, connections.soughtHash) !== null
  }
}
