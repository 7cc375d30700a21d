/**
 * Ports of 127.0.0.1 that lead to those of the guest: one for each TCP port that its app listens
 * on.
 */
import type { Peer, Vm } from 'qemu-runner'
import type { RunNetwork } from './network.ts'
import { HTTP_PORT, type ReadyEvent, reachableAddresses } from './ready-event.ts'
import { reserveDoor } from './serve.ts'
import { UserRelay } from './user-relay.ts'

export type Door = Awaited<ReturnType<typeof reserveDoor>>

/** More than an app needs; one that opens ports without end gets no more. */
const MAX_DOORS = 32

export interface DoorsOptions {
  readonly network: Pick<RunNetwork, 'kind'>
  readonly peer: Pick<Peer, 'forward'>
  /** For the first port that is led to: the one that a person has asked for. */
  readonly first: Door
}

export class Doors {
  private readonly options: DoorsOptions
  private readonly doors = new Map<number, { door: Door; relay: UserRelay | undefined }>()

  constructor(options: DoorsOptions) {
    this.options = options
  }

  /**
   * The host's port that leads to this one of the guest, the same for each guest; undefined when it
   * has no address.
   */
  async lead(vm: Vm, ready: ReadyEvent, guestPort: number): Promise<number | undefined> {
    const { network, peer, first } = this.options
    const known = this.doors.get(guestPort)
    if (known !== undefined) {
      await known.relay?.lead(vm, guestPort)
      return known.door.port
    }
    const { ipv4, ipv6 } = reachableAddresses(ready)
    const host = ipv4 ?? ipv6
    if (host === undefined || this.doors.size === MAX_DOORS) return undefined
    const door = this.doors.size === 0 ? first : await reserveDoor(0)
    const relay = network.kind === 'user' ? new UserRelay(door.server) : undefined
    this.doors.set(guestPort, { door, relay })
    if (relay === undefined) await peer.forward(door.server, { host, port: guestPort })
    else await relay.lead(vm, guestPort)
    return door.port
  }

  /** Leads to what else listens, now and later, and tells each. */
  async leadToOthers(
    vm: Vm,
    ready: ReadyEvent,
    tell: (place: string, guestPort: number) => void,
  ): Promise<void> {
    const leadTo = async (entry: unknown) => {
      const { port, protocol } = entry as { port: number; protocol: string }
      if (protocol !== 'tcp' || this.doors.has(port)) return
      const found = await this.lead(vm, ready, port)
      if (found !== undefined) tell(placeOf(found, port), port)
    }
    vm.events.on(({ value }) => {
      // A guest that is just ending opens no more doors.
      if (value.event === 'listening') leadTo(value).catch(() => undefined)
    })
    const late = vm.events.received.map(({ value }) => value)
    const since = late.filter(({ event }) => event === 'listening')
    for (const entry of [...ready.listening, ...since]) await leadTo(entry)
  }

  close(): void {
    for (const { door } of this.doors.values()) door.server.close()
    this.options.first.server.close()
  }
}

export function placeOf(port: number, guestPort: number): string {
  return guestPort === HTTP_PORT ? `http://127.0.0.1:${port}/` : `127.0.0.1:${port}`
}
