/** Router Advertisements byte by byte, right but for what a test spoils. */
import { be16, be32, concat, ethernet, icmpv6, ip, ipv6, mac } from './frames.ts'

export const ROUTER_MAC = '52:54:00:00:00:aa'
export const ROUTER = 'fe80::a'
export const PREFIX = '2001:db8:1::'
const ALL_NODES = 'ff02::1'
const ALL_NODES_MAC = '33:33:00:00:00:01'

export interface PrefixFields {
  prefix?: string
  length?: number
  /** On-link and autonomous by default. */
  flags?: number
  valid?: number
  preferred?: number
}

export function prefixOption(fields: PrefixFields = {}): number[] {
  const { prefix = PREFIX, length = 64, flags = 0xc0 } = fields
  const lifetimes = [...be32(fields.valid ?? 86_400), ...be32(fields.preferred ?? 14_400)]
  return [3, 4, length, flags, ...lifetimes, ...be32(0), ...ip(prefix)]
}

export function mtuOption(mtu: number): number[] {
  return [5, 1, 0, 0, ...be32(mtu)]
}

export function linkLayerOption(address = ROUTER_MAC): number[] {
  return [1, 1, ...mac(address)]
}

export function serversOption(lifetime: number, ...servers: string[]): number[] {
  return [25, 1 + 2 * servers.length, 0, 0, ...be32(lifetime), ...servers.flatMap(ip)]
}

export function domainsOption(lifetime: number, ...domains: string[]): number[] {
  const labels = domains.flatMap((domain) => [
    ...domain.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]),
    0,
  ])
  const units = Math.ceil(labels.length / 8)
  const padding = new Array<number>(units * 8 - labels.length).fill(0)
  return [31, 1 + units, 0, 0, ...be32(lifetime), ...labels, ...padding]
}

export interface AdvertisementFields {
  source?: string
  hopLimit?: number
  curHopLimit?: number
  reachableTimeMs?: number
  retransTimerMs?: number
  flags?: number
  /** Of the router, in seconds. */
  lifetime?: number
  code?: number
}

/** A frame to all nodes. */
export function advertisement(
  fields: AdvertisementFields = {},
  ...options: (readonly number[])[]
): Uint8Array {
  const { source = ROUTER, hopLimit = 255, lifetime = 1800, code = 0 } = fields
  const body = [
    fields.curHopLimit ?? 64,
    fields.flags ?? 0,
    ...be16(lifetime),
    ...be32(fields.reachableTimeMs ?? 0),
    ...be32(fields.retransTimerMs ?? 0),
  ]
  const message = icmpv6(source, ALL_NODES, 134, code, concat(body, ...options))
  return concat(
    ethernet(ALL_NODES_MAC, ROUTER_MAC, 0x86dd),
    ipv6({ source, destination: ALL_NODES, nextHeader: 58, hopLimit }, message),
  )
}
