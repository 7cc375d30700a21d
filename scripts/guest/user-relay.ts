/**
 * Leads connections to a guest behind QEMU's user-mode network. QEMU lets one connection wait on
 * each port that it forwards, and the host drops the others for seconds: so it forwards many ports,
 * and each connection takes the next.
 */
import { connect, type Server, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { Vm } from 'qemu-runner'

const PORTS = 16
/** QEMU takes what waits in its next turn. */
const TURN_MS = 5

export class UserRelay {
  private readonly free: number[] = []
  private readonly waiting: Socket[] = []
  /** Of the guest that is led to now; ports of earlier ones are forgotten. */
  private generation = 0

  /** Takes over the server's connections. */
  constructor(server: Server) {
    server.removeAllListeners('connection')
    server.on('connection', (socket) => {
      // A client that leaves while it waits is nobody's error.
      socket.on('error', () => socket.destroy())
      this.waiting.push(socket)
      this.serveWaiting()
    })
  }

  async lead(vm: Vm, guestPort: number): Promise<void> {
    const ports = await vm.addForwards(guestPort, PORTS)
    this.generation++
    this.free.splice(0, this.free.length, ...ports)
    this.serveWaiting()
  }

  private serveWaiting(): void {
    while (this.free.length > 0 && this.waiting.length > 0) {
      const client = this.waiting.shift()!
      if (!client.destroyed) void this.serve(client, this.free.shift()!, this.generation)
    }
  }

  private async serve(client: Socket, port: number, generation: number): Promise<void> {
    const guest = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
    guest.setNoDelay(true)
    client.setNoDelay(true)
    guest.on('error', () => client.destroy())
    client.on('close', () => guest.destroy())
    guest.on('close', () => client.destroy())
    client.pipe(guest)
    guest.pipe(client)
    await new Promise((resolve) => {
      guest.once('connect', resolve)
      guest.once('close', resolve)
    })
    await delay(TURN_MS)
    if (generation !== this.generation) return
    this.free.push(port)
    this.serveWaiting()
  }
}
