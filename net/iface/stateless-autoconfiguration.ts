/**
 * Makes addresses out of the prefixes that routers advertise, and keeps their lifetimes (RFC 4862
 * §5.5, RFC 7217).
 */

import { IPV6_ALL_ROUTERS, type IpAddress } from '../wire/ip-address.ts'
import type { AdvertisedPrefix } from '../wire/router-advertisement.ts'
import type { AddressLifetimes } from './address-lifetimes.ts'
import { AddressState, type InterfaceAddress, MAX_INTERFACE_ADDRESSES } from './address-table.ts'
import { type Advertised, type IsRouter, placeToFree, renewOwner } from './advertised-place.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { AddressHost } from './route-host.ts'
import { type IdentifierFunction, stableAddress } from './stable-identifier.ts'

/**
 * Each makes an address; for a newcomer beyond it see advertised-place.ts. Half of
 * MAX_INTERFACE_ADDRESSES: the rest is for what people configure.
 */
export const MAX_AUTONOMOUS_PREFIXES = MAX_INTERFACE_ADDRESSES / 2
/**
 * Interface identifiers of Ethernet have 64 bits (RFC 2464 §4), and what does not add up to 128 is
 * ignored (§5.5.3 d).
 */
const PREFIX_LENGTH = 64
/** §5.5.3 e: nobody unauthenticated makes a valid lifetime shorter than this. */
const TWO_HOURS_MS = 7_200_000
/** RFC 7217 §7: IDGEN_RETRIES, IDGEN_DELAY. */
export const IDGEN_RETRIES = 3
const IDGEN_DELAY_MS = 1_000

interface AutonomousPrefix extends Advertised {
  readonly prefix: IpAddress
  /** Null between two attempts, and after the last. */
  entry: InterfaceAddress | null
  duplicates: number
  /** When an address is made again; Infinity = not. */
  retryAtMs: number
  preferredUntilMs: number
  validUntilMs: number
}

export interface AutoconfigurationParts {
  readonly parts: InterfaceParts
  readonly host: AddressHost
  readonly lifetimes: AddressLifetimes
  readonly identifierOf: IdentifierFunction
}

export class StatelessAutoconfiguration {
  private readonly parts: InterfaceParts
  private readonly host: AddressHost
  private readonly lifetimes: AddressLifetimes
  private readonly identifierOf: IdentifierFunction
  private readonly isRouter: IsRouter
  private prefixes: AutonomousPrefix[] = []

  constructor(
    { parts, host, lifetimes, identifierOf }: AutoconfigurationParts,
    isRouter: IsRouter,
  ) {
    this.isRouter = isRouter
    this.parts = parts
    this.host = host
    this.lifetimes = lifetimes
    this.identifierOf = identifierOf
  }

  /**
   * Takes a prefix whose Autonomous flag is set and that is no link-local one. False when it is
   * refused.
   */
  update(advertised: AdvertisedPrefix, router: IpAddress, nowMs: number): boolean {
    const { prefix, prefixLength, validSeconds, preferredSeconds } = advertised
    // §5.5.3 c: "If the preferred lifetime is greater than the valid lifetime, silently ignore".
    if (prefixLength !== PREFIX_LENGTH || preferredSeconds > validSeconds) return false
    this.expire(nowMs)
    const known = this.prefixes.find(
      ({ prefix: other }) => other.word0 === prefix.word0 && other.word1 === prefix.word1,
    )
    const preferredUntilMs = nowMs + preferredSeconds * 1000
    const validUntilMs = nowMs + validSeconds * 1000
    if (known !== undefined) {
      known.validUntilMs = renewValidity(known.validUntilMs, validUntilMs, nowMs)
      known.preferredUntilMs = Math.min(preferredUntilMs, known.validUntilMs)
      this.applyLifetimes(known, nowMs)
      renewOwner(known, router, this.isRouter)
      return true
    }
    if (validSeconds === 0) return true
    if (this.prefixes.length === MAX_AUTONOMOUS_PREFIXES && !this.free(router, nowMs)) return false
    const added: AutonomousPrefix = {
      ...{ prefix, preferredUntilMs, validUntilMs, router },
      entry: null,
      duplicates: 0,
      retryAtMs: Number.POSITIVE_INFINITY,
    }
    this.prefixes.push(added)
    return this.make(added, nowMs)
  }

  /**
   * Duplicate detection is over for an address of the interface: one that somebody has is given up
   * for another.
   */
  settle(entry: InterfaceAddress, nowMs: number): void {
    const owner = this.prefixes.find((known) => known.entry === entry)
    if (owner === undefined || entry.state !== AddressState.Duplicate) return
    owner.entry = null
    this.host.removeAddress(entry, nowMs)
    owner.duplicates++
    if (owner.duplicates > IDGEN_RETRIES) return
    // RFC 7217 §6: "a random delay between 0 and IDGEN_DELAY seconds".
    owner.retryAtMs = nowMs + ((this.parts.random.nextInt32() >>> 1) % IDGEN_DELAY_MS)
  }

  earliestDeadlineMs(): number {
    return Math.min(Number.POSITIVE_INFINITY, ...this.prefixes.map(({ retryAtMs }) => retryAtMs))
  }

  processTimers(nowMs: number): void {
    this.expire(nowMs)
    for (const prefix of this.prefixes) {
      if (nowMs < prefix.retryAtMs) continue
      prefix.retryAtMs = Number.POSITIVE_INFINITY
      this.make(prefix, nowMs)
    }
  }

  /** Makes room for a prefix of `router`; false when all others stay. */
  private free(router: IpAddress, nowMs: number): boolean {
    const freed = placeToFree(this.prefixes, router, this.isRouter)
    if (freed === null) return false
    this.prefixes = this.prefixes.filter((other) => other !== freed)
    if (freed.entry !== null) this.host.removeAddress(freed.entry, nowMs)
    this.parts.counters.routerOptionsEvicted++
    return true
  }

  /** Forgets prefixes whose time is over; their addresses are taken by AddressLifetimes. */
  private expire(nowMs: number): void {
    this.prefixes = this.prefixes.filter(({ validUntilMs }) => nowMs < validUntilMs)
  }

  private make(prefix: AutonomousPrefix, nowMs: number): boolean {
    const { addresses, hardwareHigh, hardwareLow } = this.parts
    const { duplicates } = prefix
    const address = stableAddress(
      prefix.prefix,
      hardwareHigh,
      hardwareLow,
      duplicates,
      this.identifierOf,
    )
    if (!addresses.hasRoom || addresses.find(address) !== null) return false
    const cidr = { address, prefixLength: PREFIX_LENGTH }
    prefix.entry = this.host.addAddress(cidr, nowMs, 'slaac', this.canReachRouter())
    this.applyLifetimes(prefix, nowMs)
    return true
  }

  /**
   * RFC 4429 §3.3: a host that does not know its router's link-layer address does not make a new
   * address optimistic. It could not ask for it either, where all its addresses are optimistic.
   */
  private canReachRouter(): boolean {
    const { addresses, neighbors, routes } = this.parts
    if (addresses.selectCertainSource(IPV6_ALL_ROUTERS) !== null) return true
    return neighbors.entries.some(
      (entry) => entry.address.version === 6 && entry.isUsable() && routes.isGateway(entry.address),
    )
  }

  private applyLifetimes(prefix: AutonomousPrefix, nowMs: number): void {
    const { entry, preferredUntilMs, validUntilMs } = prefix
    if (entry !== null) this.lifetimes.set(entry, preferredUntilMs, validUntilMs, nowMs)
  }
}

/**
 * §5.5.3 e: longer than two hours or than what is left is taken; else nothing falls below two hours
 * by it.
 */
function renewValidity(untilMs: number, receivedUntilMs: number, nowMs: number): number {
  if (receivedUntilMs - nowMs > TWO_HOURS_MS || receivedUntilMs > untilMs) return receivedUntilMs
  return untilMs - nowMs <= TWO_HOURS_MS ? untilMs : nowMs + TWO_HOURS_MS
}
