/**
 * The paths to the peers that a datagram socket talks to, bounded: an answer to a known peer
 * allocates nothing.
 */
import { NO_INTERFACE } from '../../iface/host-addresses.ts'
import type { Egress, Flow } from '../../iface/protocol-handler.ts'
import { copyOfAddress, type IpAddress, isMulticast, isSameAddress } from '../../wire/ip-address.ts'
import { type DatagramSettings, DEFAULT_SETTINGS } from './datagram-settings.ts'

/** Sets times ways: so many peers are known at once. */
const SET_COUNT = 16
const WAYS = 4

/** A path is opened anew after so long, since addresses and routes change. */
const FLOW_LIFETIME_MS = 60_000

export interface FlowEntry {
  readonly flow: Flow
  /** As asked for: null when the interface chose the source. */
  readonly local: IpAddress | null
  /** As asked for: NO_INTERFACE when the best route chose it. */
  readonly interfaceIndex: number
  expiresMs: number
  /** Its packets have this hop limit and traffic class. */
  readonly hopLimit: number
  readonly trafficClass: number
  /** The remote address is a multicast group's. */
  readonly isGroup: boolean
  /** By which it leaves: see Egress.wayOf. */
  readonly way: number
  /** The last turn in which it waited for its neighbor, or for room. */
  waitedRound: number
  /** While it waits for its neighbor: what had been heard when it was tried, and until when. */
  triedNews: number
  retryMs: number
  /** Since when it waits. */
  waitingMs: number
  /** The last four ports that something was sent to, two each, the latest in the low bits. */
  ports: number
  earlierPorts: number
}

/** Something is sent to that port, by a protocol that has some. */
export function noteSentPort(entry: FlowEntry, port: number): void {
  const { ports } = entry
  if ((ports & 0xffff) === port) return
  entry.earlierPorts = (entry.earlierPorts << 16) | (ports >>> 16)
  entry.ports = (ports << 16) | port
}

function hasSentTo({ ports, earlierPorts }: FlowEntry, port: number): boolean {
  return [ports, ports >>> 16, earlierPorts, earlierPorts >>> 16].some(
    (known) => (known & 0xffff) === port,
  )
}

export class FlowCache {
  private readonly egress: Egress
  private readonly protocol: number
  /** So that peers cannot choose which of them share a set. */
  private readonly hashKey: number
  /** Empty until the first use, for the sake of boot time. */
  private readonly entries: (FlowEntry | null)[] = []
  private victim = 0
  private settings: DatagramSettings = DEFAULT_SETTINGS

  constructor(egress: Egress, protocol: number, hashKey: number) {
    this.egress = egress
    this.protocol = protocol
    this.hashKey = hashKey
  }

  /** From now on; what is queued goes as it was meant. */
  configure(settings: DatagramSettings): void {
    this.settings = settings
    this.entries.fill(null)
  }

  /**
   * The path from a local address (null = the interface's choice) to a remote one by an interface
   * (NO_INTERFACE = that of the best route); null when there is none.
   */
  open(
    remote: IpAddress,
    local: IpAddress | null,
    interfaceIndex: number,
    nowMs: number,
  ): FlowEntry | null {
    const { entries } = this
    while (entries.length < SET_COUNT * WAYS) entries.push(null)
    const base = this.firstOfSet(remote)
    let place = -1
    for (let index = base; index < base + WAYS; index++) {
      const entry = entries[index]!
      if (entry === null) {
        if (place < 0) place = index
        continue
      }
      const own = entry.local
      if (entry.interfaceIndex !== interfaceIndex) continue
      if (!isSameAddress(entry.flow.destination, remote)) continue
      if (own === null || local === null ? own !== local : !isSameAddress(own, local)) continue
      if (nowMs < entry.expiresMs && !entry.flow.isSourceLost) return entry
      place = index
      break
    }
    if (place < 0) {
      place = base + this.victim
      this.victim = (this.victim + 1) & (WAYS - 1)
    }
    // The caller may overwrite both.
    const source = local === null ? null : copyOfAddress(local)
    const entry = this.openFlow(copyOfAddress(remote), source, interfaceIndex, nowMs)
    if (entry !== null) entries[place] = entry
    return entry
  }

  /** Has paths whose interface was chosen here chosen anew when they are used next. */
  expireChosen(): void {
    for (const entry of this.entries) {
      if (entry?.interfaceIndex === NO_INTERFACE) entry.expiresMs = Number.NEGATIVE_INFINITY
    }
  }

  /** True when something was sent to `remote` lately. */
  knows(remote: IpAddress): boolean {
    return this.entriesOf(remote).length > 0
  }

  /** True when something was sent from `local` to that port of `remote` lately. */
  hasSent(local: IpAddress, remote: IpAddress, remotePort: number): boolean {
    return this.entriesOf(remote).some(
      (entry) => isSameAddress(entry.flow.source, local) && hasSentTo(entry, remotePort),
    )
  }

  private openFlow(
    remote: IpAddress,
    local: IpAddress | null,
    interfaceIndex: number,
    nowMs: number,
  ): FlowEntry | null {
    const { settings } = this
    const { trafficClass } = settings
    const isGroup = isMulticast(remote)
    const hopLimit = isGroup ? settings.groupHopLimit : settings.hopLimit
    const dontFragment = settings.fragmentation !== 'anywhere'
    const fields = { hopLimit, trafficClass, dontFragment }
    const flow = this.egress.openFlow(remote, local, this.protocol, fields, interfaceIndex)
    if (flow === null) return null
    const expiresMs = nowMs + FLOW_LIFETIME_MS
    const asked = { local, interfaceIndex, hopLimit, trafficClass }
    const way = this.egress.wayOf(flow)
    const waiting = { waitedRound: 0, triedNews: 0, retryMs: 0, waitingMs: 0 }
    const sent = { ports: 0, earlierPorts: 0 }
    return { flow, ...asked, expiresMs, isGroup, way, ...waiting, ...sent }
  }

  /** Allocates: for ICMP errors only. */
  private entriesOf(remote: IpAddress): FlowEntry[] {
    const base = this.firstOfSet(remote)
    return this.entries
      .slice(base, base + WAYS)
      .filter(
        (entry) => entry !== null && isSameAddress(entry.flow.destination, remote),
      ) as FlowEntry[]
  }

  private firstOfSet({ word0, word1, word2, word3 }: IpAddress): number {
    let hash = Math.imul(word3 ^ this.hashKey, 0x9e3779b1)
    if ((word0 | word1 | word2) !== 0) {
      hash = Math.imul(hash ^ word2 ^ (hash >>> 15), 0x85ebca6b)
      hash = Math.imul(hash ^ word1 ^ (hash >>> 13), 0xc2b2ae35)
      hash = Math.imul(hash ^ word0 ^ (hash >>> 16), 0x27d4eb2f)
    }
    return ((hash >>> 20) & (SET_COUNT - 1)) * WAYS
  }
}
