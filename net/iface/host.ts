/**
 * The host above its interfaces: has them take in frames, gives every protocol its turn, and has
 * them tell their devices; no clock, no waiting.
 */
import type { NetDevice, TransmitHalf } from '../phy/net-device.ts'
import type { BulkOperations } from '../storage/buffer.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { AwaitedPorts } from './awaited-ports.ts'
import { EarliestDeadline } from './earliest-deadline.ts'
import { FlowEgress } from './egress.ts'
import { HostAddresses, NO_INTERFACE } from './host-addresses.ts'
import { Interface } from './interface.ts'
import { InternalLink } from './internal-link.ts'
import { PathNews } from './path-news.ts'
import type { Egress, ProtocolHandler } from './protocol-handler.ts'
import type { RandomSource } from './random-source.ts'
import { RouteChoice } from './route-choice.ts'
import { NO_SOURCES, type SourceFilter } from './source-filter.ts'

export interface HostOptions {
  /** One for each interface, at least one: they are numbered from 0 in this order. */
  readonly devices: readonly NetDevice[]
  readonly bulk: BulkOperations
  readonly random: RandomSource
  /** An address of one interface is good on all (RFC 1122 §3.3.4.2, weak ES model). */
  readonly isWeak?: boolean | undefined
  /** Memory for datagrams that arrive in fragments, of all interfaces together. */
  readonly reassemblyBytes?: number | undefined
}

export class Host {
  readonly interfaces: readonly Interface[]
  /** The same, apart: with one interface, which is the plain case, no turn has a loop of them. */
  private readonly first: Interface
  private readonly others: readonly Interface[] | null
  readonly addresses = new HostAddresses()
  readonly awaitedPorts = new AwaitedPorts()
  readonly egress: Egress
  /** Of all that interfaces and protocols do by time. */
  private readonly deadline = new EarliestDeadline()
  private readonly flowEgress: FlowEgress
  private readonly internal: InternalLink
  private readonly handlers: (ProtocolHandler | null)[]
  /** Made anew when one leaves, so that one may in its dispatch. */
  private registered: ProtocolHandler[] = []
  /** Who sends first in a poll: whom a full device turns away is not always the same. */
  private firstTurn = 0
  /** A bit for each interface whose link was up in the last turn. */
  private linksUp = 0

  /** Throws when a device leaves checksums to the stack: see withSoftwareOffload. */
  constructor(options: HostOptions) {
    const { devices, bulk, random, isWeak = false, reassemblyBytes } = options
    this.internal = new InternalLink(bulk)
    this.handlers = new Array<ProtocolHandler | null>(256).fill(null)
    const { internal, handlers, addresses, deadline } = this
    const share = reassemblyBytes === undefined ? undefined : reassemblyBytes / devices.length
    const { awaitedPorts } = this
    const own = { internal, handlers, awaitedPorts, hostAddresses: addresses, isWeak, deadline }
    const news = new PathNews()
    const shared = { ...own, bulk, random, news }
    this.interfaces = devices.map(
      (device, index) =>
        new Interface({ ...shared, device, index, reassemblyBytes: share && Math.floor(share) }),
    )
    const [first, ...others] = this.interfaces
    this.first = first!
    this.others = others.length > 0 ? others : null
    const parts = this.interfaces.map((each) => each.parts)
    this.flowEgress = new FlowEgress(parts, new RouteChoice(parts, addresses, isWeak), news)
    this.egress = this.flowEgress
  }

  /** Throws when the protocol has a handler already. */
  register(handler: ProtocolHandler): void {
    if (this.handlers[handler.protocol] !== null) {
      throw new Error(`Cannot register protocol ${handler.protocol}: it has a handler`)
    }
    this.handlers[handler.protocol] = handler
    this.registered.push(handler)
    this.deadline.note(0)
  }

  /** Has somebody told of each frame that this host sends to itself, which no device sees. */
  watchInternal(watcher: Pick<TransmitHalf, 'submit'>): void {
    this.internal.watcher = watcher
  }

  /** The protocol is nobody's again. */
  unregister(handler: ProtocolHandler): void {
    this.handlers[handler.protocol] = null
    this.registered = this.registered.filter((other) => other !== handler)
  }

  // --- Groups, of one interface or, with NO_INTERFACE, of all ------------------------------------

  /** As Interface.listenToGroup; when one of several refuses, all keep `known`, as before. */
  listenToGroup(
    listener: object,
    group: IpAddress,
    filter: SourceFilter,
    nowMs: number,
    interfaceIndex: number,
    known: SourceFilter = NO_SOURCES,
  ): void {
    const concerned = this.concerned(interfaceIndex)
    for (const [index, each] of concerned.entries()) {
      try {
        each.listenToGroup(listener, group, filter, nowMs)
      } catch (error) {
        for (const done of concerned.slice(0, index)) {
          done.listenToGroup(listener, group, known, nowMs)
        }
        throw error
      }
    }
  }

  /** Every host of some link is in it, or an interface is, for no listener in particular. */
  isGroupOfAll(address: IpAddress): boolean {
    return this.interfaces.some((each) => each.isGroupOfAll(address))
  }

  isBroadcast(address: IpAddress): boolean {
    for (const each of this.interfaces) if (each.isBroadcast(address)) return true
    return false
  }

  private concerned(interfaceIndex: number): readonly Interface[] {
    if (interfaceIndex === NO_INTERFACE) return this.interfaces
    const one = this.interfaces[interfaceIndex]
    if (one === undefined) throw new RangeError(`There is no interface ${interfaceIndex}`)
    return [one]
  }

  // --- Turns -------------------------------------------------------------------------------------

  /** Takes in frames, lets everybody send, tells the devices. True = call again at once. */
  poll(nowMs: number): boolean {
    const { first, others, internal, registered, deadline, flowEgress: egress } = this
    egress.nowMs = nowMs
    let mayHaveMore = first.takeIn(nowMs)
    if (others !== null && this.takeInOthers(others, nowMs)) mayHaveMore = true
    if (internal.waiting > 0) this.takeInternal(nowMs)
    egress.refused = false
    deadline.isUrgent = false
    let unfinished = false
    const count = registered.length
    const { firstTurn } = this
    for (let turn = firstTurn; turn < count; turn++) {
      if (registered[turn]!.dispatch(egress, nowMs)) unfinished = true
    }
    for (let turn = 0; turn < firstTurn; turn++) {
      if (registered[turn]!.dispatch(egress, nowMs)) unfinished = true
    }
    if (egress.refused) this.firstTurn = firstTurn + 1 < count ? firstTurn + 1 : 0
    if (first.finishTurn(nowMs)) mayHaveMore = true
    if (others !== null && finishAll(others, nowMs)) mayHaveMore = true
    if (nowMs >= deadline.ms) this.lookForDeadlines(nowMs)
    // What was refused waits for an event: the device's wake-up, a neighbor's answer or its timer.
    if (mayHaveMore || internal.waiting > 0) return true
    return unfinished && !egress.refused
  }

  private takeInOthers(others: readonly Interface[], nowMs: number): boolean {
    let mayHaveMore = false
    for (const each of others) if (each.takeIn(nowMs)) mayHaveMore = true
    this.lookAtLinks()
    return mayHaveMore
  }

  /** What we have sent to ourselves up to now; what answers it is taken in the next turn. */
  private takeInternal(nowMs: number): void {
    const { internal, interfaces } = this
    for (let left = internal.waiting; left > 0; left--) {
      interfaces[internal.zone]!.takeInternal(nowMs)
    }
  }

  /** Only of several: others may lead where one no longer does. */
  private lookAtLinks(): void {
    let up = 0
    for (const { device, index } of this.interfaces) if (device.link.isUp) up |= 1 << index
    if (up === this.linksUp) return
    this.linksUp = up
    for (const handler of this.registered) handler.noteLinkChange?.()
  }

  /** When poll must run next even though nothing arrives, in milliseconds; Infinity = never. */
  nextDeadlineMs(nowMs: number): number {
    const { deadline } = this
    if (deadline.isUrgent) this.lookForDeadlines(nowMs)
    return deadline.ms
  }

  /** Not in each turn: what comes earlier than all else is noted by who has to do it. */
  private lookForDeadlines(nowMs: number): void {
    const { deadline } = this
    deadline.isUrgent = false
    deadline.ms = Number.POSITIVE_INFINITY
    for (const each of this.interfaces) deadline.note(each.nextDeadlineMs())
    for (const handler of this.registered) deadline.note(handler.nextDeadlineMs(nowMs))
  }
}

function finishAll(interfaces: readonly Interface[], nowMs: number): boolean {
  let mayHaveMore = false
  for (const each of interfaces) if (each.finishTurn(nowMs)) mayHaveMore = true
  return mayHaveMore
}
