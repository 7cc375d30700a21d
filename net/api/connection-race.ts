/**
 * Connects to a name: addresses of both families in turn, each with a head start, until the first
 * answers (RFC 8305).
 */
import type { AddressTable } from '../iface/address-table.ts'
import type { FlowFields } from '../iface/protocol-handler.ts'
import type { Alarm, Alarms } from '../socket/alarms.ts'
import type { LookupListener } from '../socket/dns/lookup.ts'
import type { FoundAddress } from '../socket/dns/result.ts'
import type { TcpConnectOptions } from '../socket/tcp/open/connect-options.ts'
import type { TcpSocket, TcpSocketHandler } from '../socket/tcp/tcp-socket.ts'
import { isSameAddress } from '../wire/ip-address.ts'
import { formatZoned } from './address-text.ts'
import { orderDestinations, takeNext } from './destination-order.ts'
import { NetError, type NetErrorCode } from './net-error.ts'

/** RFC 8305 §3, the Resolution Delay: how long addresses of IPv4 wait for those of IPv6. */
export const RESOLUTION_DELAY_MS = 50
/** RFC 8305 §5, the Connection Attempt Delay where nothing is known of the peers. */
export const ATTEMPT_DELAY_MS = 250
/** Connections that are begun for one call; each waits for minutes when nobody answers. */
export const MAX_ATTEMPTS = 16

/** The part of Stack that a race uses. */
export interface RaceHost {
  readonly alarms: Alarms
  /** Time of the last poll, which stands for now. */
  readonly nowMs: number
  readonly addresses: Pick<AddressTable, 'selectSource'>
  /** Throws NetError. */
  connectSocket(options: TcpConnectOptions): TcpSocket
}

interface Failure {
  readonly address: FoundAddress
  readonly code: NetErrorCode
}

const REASONS: Partial<Record<NetErrorCode, string>> = {
  refused: 'refused',
  reset: 'reset',
  timeout: 'does not answer',
  unreachable: 'is unreachable',
}

export class ConnectionRace implements LookupListener, TcpSocketHandler {
  private readonly host: RaceHost
  /** As the caller has given them, for messages. */
  private readonly hostname: string
  private readonly port: number
  private readonly ipFields: FlowFields
  private readonly onEnd: (winner: TcpSocket | NetError) => void
  /** Sorted, not tried yet. */
  private waiting: FoundAddress[] = []
  private readonly tried: FoundAddress[] = []
  private readonly attempts: TcpSocket[] = []
  private readonly failures: Failure[] = []
  /** Of the next attempt. */
  private alarm: Alarm | null = null
  private isResolved = false
  private lookupError: NetError | null = null
  private isOver = false

  /**
   * `onEnd` is called once: with the connection, whose handler is to be set at once, or with why
   * there is none.
   */
  constructor(
    host: RaceHost,
    hostname: string,
    port: number,
    ipFields: FlowFields,
    onEnd: (winner: TcpSocket | NetError) => void,
  ) {
    this.host = host
    this.hostname = hostname
    this.port = port
    this.ipFields = ipFields
    this.onEnd = onEnd
  }

  /** Gives the race up: nothing of it is left, and onEnd is not called any more. */
  cancel(): void {
    this.isOver = true
    this.stopAlarm()
    for (const socket of this.attempts.splice(0)) {
      socket.handler = null
      socket.abort()
    }
  }

  // --- LookupListener ----------------------------------------------------------------------------

  onAddresses(addresses: readonly FoundAddress[]): void {
    if (this.isOver) return
    const { waiting, tried } = this
    for (const address of addresses) {
      const isKnown = (other: FoundAddress) =>
        isSameAddress(other, address) && other.zone === address.zone
      if (!waiting.some(isKnown) && !tried.some(isKnown)) waiting.push(address)
    }
    this.waiting = orderDestinations(waiting, this.host.addresses)
    if (this.tried.length > 0) {
      if (this.alarm === null) this.tryNext()
    } else if (addresses.some(({ version }) => version === 6)) {
      this.tryNext()
    } else {
      // RFC 8305 §3: IPv6 begins at once, IPv4 waits for it a little.
      this.alarm ??= this.after(RESOLUTION_DELAY_MS)
    }
  }

  onResolved(error: NetError | null): void {
    if (this.isOver) return
    this.isResolved = true
    this.lookupError = error
    // What there is is all there will be.
    if (this.attempts.length === 0) this.tryNext()
  }

  // --- TcpSocketHandler --------------------------------------------------------------------------

  onEstablished(socket: TcpSocket): void {
    this.remove(socket)
    this.cancel()
    this.onEnd(socket)
  }

  onClose(socket: TcpSocket, error: NetError | null): void {
    this.remove(socket)
    this.failures.push({ address: socket.remoteAddress, code: error?.code ?? 'closed' })
    this.tryNext()
  }

  // --- Attempts ----------------------------------------------------------------------------------

  /**
   * Begins the next attempt that can begin; ends the race when there is none, and nothing to wait
   * for.
   */
  private tryNext(): void {
    this.stopAlarm()
    while (this.tried.length < MAX_ATTEMPTS) {
      const address = takeNext(this.waiting, this.tried.at(-1) ?? null)
      if (address === null) break
      this.tried.push(address)
      if (this.attempt(address)) {
        this.alarm = this.after(ATTEMPT_DELAY_MS)
        return
      }
    }
    if (this.attempts.length === 0 && this.isResolved) {
      this.isOver = true
      this.onEnd(this.summarize())
    }
  }

  private attempt(address: FoundAddress): boolean {
    const { zone } = address
    const way = zone === undefined ? {} : { interfaceIndex: zone }
    const { port, ipFields } = this
    try {
      this.attempts.push(
        this.host.connectSocket({ address, port, ipFields, handler: this, ...way }),
      )
      return true
    } catch (error) {
      if (!(error instanceof NetError)) throw error
      this.failures.push({ address, code: error.code })
      return false
    }
  }

  private after(delayMs: number): Alarm {
    return this.host.alarms.set(this.host.nowMs + delayMs, () => {
      this.alarm = null
      this.tryNext()
    })
  }

  private stopAlarm(): void {
    if (this.alarm !== null) this.host.alarms.cancel(this.alarm)
    this.alarm = null
  }

  private remove(socket: TcpSocket): void {
    const index = this.attempts.indexOf(socket)
    if (index >= 0) this.attempts.splice(index, 1)
  }

  /** One line: what became of each address. The code is that of the address that was preferred. */
  private summarize(): NetError {
    const { failures, hostname, port } = this
    const what = `Cannot connect to ${hostname} port ${port}`
    if (failures.length === 0) {
      const { lookupError } = this
      if (lookupError !== null) return lookupError
      return new NetError('name-not-found', `${what}: the name has no address`)
    }
    const fates = failures.map(
      ({ address, code }) =>
        `${formatZoned(address, address.zone ?? null)} ${REASONS[code] ?? code}`,
    )
    const [preferred] = this.tried
    const first = failures.find(({ address }) => address === preferred)!
    return new NetError(first.code, `${what}: ${fates.join(', ')}`)
  }
}
