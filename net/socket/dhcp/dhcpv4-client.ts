/** The DHCPv4 client: from DISCOVER to a lease, and from lease to lease (RFC 2131 §4.4). */
import type { AddressProbe } from '../../iface/address-probe.ts'
import type { RandomSource } from '../../iface/random-source.ts'
import type { TaskSchedule, TimedTask } from '../../iface/task-schedule.ts'
import { Dhcpv4MessageType } from '../../wire/dhcpv4.ts'
import {
  IPV4_UNSPECIFIED,
  type IpAddress,
  ipv4Address,
  isSameAddress,
} from '../../wire/ip-address.ts'
import type { AppliedLease } from './applied-lease.ts'
import { type ClientPort, Sending } from './client-port.ts'
import { type Dhcpv4Lease, readLease } from './dhcpv4-lease.ts'
import type { Dhcpv4Messages } from './dhcpv4-messages.ts'
import { type ValidatedReply, validateReply } from './dhcpv4-reply.ts'
import { type Dhcpv4EventKind, Dhcpv4State } from './dhcpv4-state.ts'
import { OfferChoice } from './offer-choice.ts'
import { backOffMs, drawFuzz, renewalRetryMs } from './retransmission.ts'
import { createDhcpStatistics } from './statistics.ts'

const IPV4_BROADCAST = ipv4Address(-1)
/** Of a REQUEST, before DISCOVER again (RFC 2131 §3.1.5: "might retransmit ... four times"). */
const REQUEST_ATTEMPTS = 4
/** RFC 2131 §3.1.5: "The client SHOULD wait a minimum of ten seconds before restarting". */
const DECLINE_WAIT_MS = 10_000
/** From this one on servers are asked to broadcast: unicast to nobody may not come through. */
const FIRST_BROADCAST_ATTEMPT = 2
/** How often a message that waits for a server's hardware address looks for it. */
const RESOLVING_RETRY_MS = 50
/** So long other servers have to answer before one that has let us down is taken. */
const OTHERS_MS = 500

export interface Dhcpv4ClientOptions {
  readonly messages: Dhcpv4Messages
  readonly hardwareHigh: number
  readonly hardwareLow: number
  readonly port: ClientPort
  readonly probe: AddressProbe
  readonly applied: AppliedLease
  readonly tasks: TaskSchedule
  readonly random: RandomSource
  /** Datagrams to addresses that the interface does not have yet are to be heard, or no longer. */
  readonly setUnconfigured: (isUnconfigured: boolean) => void
}

export class Dhcpv4Client implements TimedTask {
  nextDeadlineMs = Number.POSITIVE_INFINITY
  readonly statistics = createDhcpStatistics()
  /** Read only outside. */
  state: Dhcpv4State = Dhcpv4State.Init
  /** Offered from Requesting on, ours from Bound on. Read only outside. */
  lease: Dhcpv4Lease | null = null
  /** DISCOVERs since there was a lease. Read only outside. */
  discoveries = 0
  onEvent: ((kind: Dhcpv4EventKind, lease: Dhcpv4Lease) => void) | null = null
  private readonly options: Dhcpv4ClientOptions
  private readonly offers = new OfferChoice()
  private transactionId = 0
  private startedMs = 0
  /** When the request was sent that the lease counts from. */
  private requestedMs = 0
  private attempt = 0
  /** Only a broadcast has brought an offer: what answers the request has to come so, too. */
  private isHeardByBroadcast = false
  /** Leases in a row that came to nothing. */
  private failures = 0
  private renewAtMs = 0
  private rebindAtMs = 0
  private expiresAtMs = 0
  /** The address had before, to be wished for again. */
  private wish: IpAddress | null = null

  constructor(options: Dhcpv4ClientOptions) {
    this.options = options
    options.tasks.add(this)
  }

  /** Begins, at the next poll. Throws NetError 'address-in-use' when an app has the port. */
  start(nowMs: number): void {
    this.options.port.open()
    this.restart(nowMs, 0)
  }

  /** Behind it may be a server that has not heard of us, or another network than the offer's. */
  linkUp(nowMs: number): void {
    if (this.state < Dhcpv4State.Bound) this.restart(nowMs, 0)
    else if (this.state !== Dhcpv4State.Released) {
      this.beginExchange(nowMs)
      this.state = Dhcpv4State.Rebooting
      this.reboot(nowMs)
    }
  }

  /** At an orderly end (RFC 2131 §4.4.6). Resolving = call again after a poll. */
  release(nowMs: number): Sending {
    const { lease, state } = this
    const isHeld = state >= Dhcpv4State.Bound && state !== Dhcpv4State.Released
    this.setDeadline(Number.POSITIVE_INFINITY)
    if (lease === null || !isHeld) return Sending.Lost
    const { address, server } = lease
    this.beginExchange(nowMs)
    const bytes = this.options.messages.release(this.exchange(nowMs), address, server)
    const result = this.send(address, server, bytes, nowMs)
    if (result !== Sending.Resolving) this.state = Dhcpv4State.Released
    return result
  }

  processTimers(nowMs: number): void {
    switch (this.state) {
      case Dhcpv4State.Init:
        this.beginExchange(nowMs)
        this.state = Dhcpv4State.Selecting
        this.options.setUnconfigured(true)
        this.discover(nowMs)
        return
      case Dhcpv4State.Selecting: {
        const held = this.offers.takeHeld()
        if (held !== null) {
          this.request(held, nowMs)
          return
        }
        this.attempt++
        this.discover(nowMs)
        return
      }
      case Dhcpv4State.Requesting:
        this.attempt++
        if (this.attempt === REQUEST_ATTEMPTS) this.fail(nowMs, 0)
        else this.select(nowMs)
        return
      case Dhcpv4State.Bound:
        this.beginExchange(nowMs)
        this.state = Dhcpv4State.Renewing
        this.extend(nowMs)
        return
      case Dhcpv4State.Renewing:
        if (nowMs >= this.rebindAtMs) {
          this.state = Dhcpv4State.Rebinding
          this.beginExchange(nowMs)
          this.tell('rebinding')
        }
        this.extend(nowMs)
        return
      case Dhcpv4State.Rebinding:
        this.extend(nowMs)
        return
      case Dhcpv4State.Rebooting:
        this.attempt++
        this.reboot(nowMs)
        return
      default:
        this.setDeadline(Number.POSITIVE_INFINITY)
    }
  }

  /** Takes a datagram that came to the client's port. */
  receive(bytes: Uint8Array, nowMs: number): void {
    const { statistics, state, transactionId } = this
    const { hardwareHigh, hardwareLow, messages } = this.options
    const expected = { ...{ transactionId, hardwareHigh, hardwareLow }, ...messages.expected }
    const judged = validateReply(bytes, expected, statistics.drops)
    if (judged === null) return
    const { type } = judged
    if (type === Dhcpv4MessageType.Offer && state === Dhcpv4State.Selecting) {
      this.takeOffer(judged, nowMs)
    } else if (type === Dhcpv4MessageType.Ack && this.isAsking) {
      this.takeAcknowledgment(judged, nowMs)
    } else if (type === Dhcpv4MessageType.Nak && this.isAsking) {
      this.takeRefusal(judged, nowMs)
    } else {
      statistics.drops.unexpected++
    }
  }

  private get isAsking(): boolean {
    const { state } = this
    const { Requesting, Renewing, Rebooting } = Dhcpv4State
    return state === Requesting || (state >= Renewing && state <= Rebooting)
  }

  // --- What servers say --------------------------------------------------------------------------

  /** The first usable one is taken: RFC 2131 §4.4.1 leaves the choice to the client. */
  private takeOffer({ reply }: ValidatedReply, nowMs: number): void {
    const lease = readLease(reply)
    if (lease === null) {
      this.statistics.drops.unusable++
      return
    }
    this.statistics.offers++
    if (this.offers.isWelcome(lease)) this.request(lease, nowMs)
    else this.setDeadline(Math.min(this.nextDeadlineMs, nowMs + OTHERS_MS))
  }

  private request(lease: Dhcpv4Lease, nowMs: number): void {
    this.lease = lease
    this.state = Dhcpv4State.Requesting
    this.isHeardByBroadcast = this.attempt >= FIRST_BROADCAST_ATTEMPT
    this.attempt = 0
    this.select(nowMs)
  }

  /** Whether a server may answer the request that is out: while rebinding or rebooting any may. */
  private isAsked(server: IpAddress): boolean {
    return this.state >= Dhcpv4State.Rebinding || isSameAddress(server, this.lease!.server)
  }

  private takeAcknowledgment({ reply, server }: ValidatedReply, nowMs: number): void {
    const { statistics } = this
    if (!this.isAsked(server)) {
      statistics.drops.otherServer++
      return
    }
    const lease = readLease(reply)
    if (lease === null || !isSameAddress(lease.address, this.lease!.address)) {
      statistics.drops.unusable++
      return
    }
    statistics.acknowledgments++
    const isFirst = this.state === Dhcpv4State.Requesting
    this.lease = lease
    if (!isFirst) {
      this.bind(nowMs, 'renewed')
      return
    }
    this.state = Dhcpv4State.Probing
    this.setDeadline(Number.POSITIVE_INFINITY)
    this.options.probe.start(lease.address.word3, nowMs, (isTaken, settledMs) => {
      if (isTaken) this.decline(settledMs)
      else this.bind(settledMs, 'bound')
    })
  }

  private takeRefusal({ server }: ValidatedReply, nowMs: number): void {
    if (!this.isAsked(server)) {
      this.statistics.drops.otherServer++
      return
    }
    this.statistics.refusals++
    // RFC 2131 §3.2 (4): the address it had is not valid any more, and so not to be wished for.
    this.wish = null
    this.tell('refused')
    this.fail(nowMs, 0)
  }

  // --- From state to state -----------------------------------------------------------------------

  private bind(nowMs: number, kind: Dhcpv4EventKind): void {
    const lease = this.lease!
    const { requestedMs } = this
    const fuzz = drawFuzz(this.options.random)
    // §4.4.1: the lease lasts from "the time at which the client sent the DHCPREQUEST message".
    this.expiresAtMs = requestedMs + lease.leaseMs
    this.renewAtMs = requestedMs + lease.renewalMs * fuzz
    this.rebindAtMs = requestedMs + lease.rebindingMs * fuzz
    if (!this.options.applied.apply(lease, this.expiresAtMs, nowMs)) {
      this.fail(nowMs, DECLINE_WAIT_MS)
      return
    }
    this.options.setUnconfigured(false)
    this.state = Dhcpv4State.Bound
    this.failures = 0
    this.offers.blame(null)
    this.discoveries = 0
    this.wish = lease.address
    this.setDeadline(this.renewAtMs)
    this.tell(kind)
  }

  private decline(nowMs: number): void {
    const { address, server } = this.lease!
    this.statistics.declines++
    this.wish = null
    this.tell('declined')
    const bytes = this.options.messages.decline(this.exchange(nowMs), address, server)
    this.send(IPV4_UNSPECIFIED, IPV4_BROADCAST, bytes, nowMs)
    this.fail(nowMs, DECLINE_WAIT_MS)
  }

  /** Gives up what was offered or held; begins anew at once, and later each time that goes on. */
  private fail(nowMs: number, leastWaitMs: number): void {
    const backOff = this.failures === 0 ? 0 : backOffMs(this.failures - 1, this.options.random)
    this.failures++
    if (this.state === Dhcpv4State.Requesting) this.offers.blame(this.lease!.server)
    this.options.applied.remove(nowMs)
    this.restart(nowMs, Math.max(backOff, leastWaitMs))
  }

  private restart(nowMs: number, waitMs: number): void {
    this.options.probe.stop()
    this.offers.takeHeld()
    this.state = Dhcpv4State.Init
    this.lease = null
    this.setDeadline(nowMs + waitMs)
  }

  private expire(nowMs: number): void {
    this.statistics.expiries++
    this.tell('expired')
    this.options.applied.remove(nowMs)
    this.restart(nowMs, 0)
  }

  // --- What the client says ----------------------------------------------------------------------

  private discover(nowMs: number): void {
    this.discoveries++
    const bytes = this.options.messages.discover(this.exchange(nowMs), this.wish)
    this.send(IPV4_UNSPECIFIED, IPV4_BROADCAST, bytes, nowMs)
    this.setDeadline(nowMs + backOffMs(this.attempt, this.options.random))
  }

  private select(nowMs: number): void {
    const { address, server } = this.lease!
    // An answer may be to the first of several.
    if (this.attempt === 0) this.requestedMs = nowMs
    const bytes = this.options.messages.select(this.exchange(nowMs), address, server)
    this.send(IPV4_UNSPECIFIED, IPV4_BROADCAST, bytes, nowMs)
    this.setDeadline(nowMs + backOffMs(this.attempt, this.options.random))
  }

  /** Asks for more time: the server alone until T2, then everybody. */
  private extend(nowMs: number): void {
    if (nowMs >= this.expiresAtMs) {
      this.expire(nowMs)
      return
    }
    const { address, server } = this.lease!
    // Each with a number of its own, so that it is known which of them an answer is to.
    this.transactionId = this.options.random.nextInt32()
    const isRenewing = this.state === Dhcpv4State.Renewing
    const [beginMs, endMs] = isRenewing
      ? [this.renewAtMs, this.rebindAtMs]
      : [this.rebindAtMs, this.expiresAtMs]
    const bytes = this.options.messages.extend(this.exchange(nowMs), address)
    const result = this.send(address, isRenewing ? server : IPV4_BROADCAST, bytes, nowMs)
    if (result === Sending.Sent) this.requestedMs = nowMs
    const waitMs =
      result === Sending.Resolving
        ? RESOLVING_RETRY_MS
        : renewalRetryMs(endMs - nowMs, endMs - beginMs)
    this.setDeadline(Math.min(nowMs + waitMs, endMs))
  }

  /**
   * Asks everybody whether the address is right where we are now. RFC 2131 §3.2 (4): without an
   * answer, it may be used "for the remainder of the unexpired lease", which goes on where it was.
   */
  private reboot(nowMs: number): void {
    if (this.attempt === REQUEST_ATTEMPTS || nowMs >= this.expiresAtMs) {
      this.state = Dhcpv4State.Bound
      this.setDeadline(this.renewAtMs)
      return
    }
    if (this.attempt === 0) this.requestedMs = nowMs
    const bytes = this.options.messages.reboot(this.exchange(nowMs), this.lease!.address)
    this.send(IPV4_UNSPECIFIED, IPV4_BROADCAST, bytes, nowMs)
    this.setDeadline(nowMs + backOffMs(this.attempt, this.options.random))
  }

  private send(source: IpAddress, destination: IpAddress, bytes: Uint8Array, nowMs: number) {
    const result = this.options.port.send(source, destination, bytes, nowMs)
    if (result === Sending.Sent) this.statistics.sent++
    return result
  }

  private beginExchange(nowMs: number): void {
    this.transactionId = this.options.random.nextInt32()
    this.startedMs = nowMs
    this.attempt = 0
    this.isHeardByBroadcast = false
  }

  private exchange(nowMs: number) {
    const isDeaf = this.isHeardByBroadcast || this.attempt >= FIRST_BROADCAST_ATTEMPT
    return {
      transactionId: this.transactionId,
      elapsedSeconds: Math.floor((nowMs - this.startedMs) / 1000),
      wantsBroadcast: isDeaf && this.state < Dhcpv4State.Probing,
    }
  }

  private tell(kind: Dhcpv4EventKind): void {
    this.onEvent?.(kind, this.lease!)
  }

  private setDeadline(deadlineMs: number): void {
    this.nextDeadlineMs = deadlineMs
    this.options.tasks.update()
  }
}
