/** What an interface reports of its groups, and queriers of every version of MLD and IGMP. */

import { readIpAddress } from '../../net/wire/ip-address.ts'
import { formatIpAddress } from '../../net/wire/ip-address-text.ts'
import {
  be16,
  be32,
  checksumOf,
  concat,
  ethernet,
  icmpv4,
  icmpv6,
  ip,
  ipv4,
  ipv6,
  pseudoHeader,
  withChecksum,
} from './frames.ts'
import { type InterfaceHarness, PEER_MAC } from './interface-harness.ts'

export const QUERIER6 = 'fe80::9'
const ROUTER_ALERT4 = [0x94, 4, 0, 0]
const ROUTER_ALERT6 = [58, 0, 5, 2, 0, 0, 1, 0]
const RECORD_NAMES = ['', 'is-in', 'is-ex', 'to-in', 'to-ex', 'allow', 'block']

export interface Report {
  readonly atMs: number
  readonly source: string
  readonly destination: string
  /**
   * `to-ex ff02::1:ff00:2`, `is-in 239.1.2.3 from 10.0.0.9`, `v1 report …`, `done …`, `leave …`.
   */
  readonly text: string
}

/**
 * Lets time pass in small steps and returns what was reported meanwhile, each frame judged as RFC
 * 3810 and RFC 3376 ask.
 */
export function reportsDuring(harness: InterfaceHarness, durationMs: number): Report[] {
  const reports: Report[] = []
  for (let elapsedMs = 0; elapsedMs < durationMs; elapsedMs += 10) {
    for (const { bytes } of harness.device.takeSent()) collect(bytes, harness.nowMs, reports)
    harness.advance(10)
  }
  for (const { bytes } of harness.device.takeSent()) collect(bytes, harness.nowMs, reports)
  return reports
}

export function texts(reports: readonly Report[]): string[] {
  return reports.map(({ text }) => text)
}

function collect(frame: Uint8Array, atMs: number, reports: Report[]): void {
  const type = (frame[12]! << 8) | frame[13]!
  if (type === 0x86dd && frame[20] === 0) collectMld(frame, atMs, reports)
  if (type === 0x0800 && frame[23] === 2) collectIgmp(frame, atMs, reports)
}

function require(condition: boolean, what: string): void {
  if (!condition) throw new Error(`A report breaks the rules: ${what}`)
}

function collectMld(frame: Uint8Array, atMs: number, reports: Report[]): void {
  const view = new DataView(frame.buffer, frame.byteOffset)
  const address = (offset: number) => formatIpAddress(readIpAddress(view, offset, 6))
  const [source, destination] = [address(22), address(38)]
  require(frame[21] === 1, 'hop limit')
  require([...frame.subarray(54, 62)].join() === ROUTER_ALERT6.join(), 'Router Alert')
  require(source === '::' || source.startsWith('fe80:'), 'source')
  require([...frame.subarray(0, 2)].join() === '51,51', 'group hardware address')
  require([...frame.subarray(2, 6)].join() === ip(destination).slice(12).join(), 'hardware address')
  const message = frame.subarray(62)
  require(view.getUint16(18) === 8 + message.length, 'payload length')
  const pseudo = pseudoHeader(source, destination, 58, message.length)
  require(checksumOf(concat(pseudo, message)) === 0, 'checksum')
  const add = (text: string) => reports.push({ atMs, source, destination, text })
  if (message[0] === 131 || message[0] === 132) {
    require(message.length === 24, 'length')
    add(`${message[0] === 131 ? 'v1 report' : 'done'} ${address(70)}`)
    return
  }
  require(message[0] === 143, 'type')
  require(destination === 'ff02::16', 'destination')
  collectRecords(view, 62, frame.length, 6, add)
}

function collectIgmp(frame: Uint8Array, atMs: number, reports: Report[]): void {
  const view = new DataView(frame.buffer, frame.byteOffset)
  const address = (offset: number) => formatIpAddress(readIpAddress(view, offset, 4))
  const [source, destination] = [address(26), address(30)]
  require(frame[14] === 0x46 && frame[15] === 0xc0, 'header length and type of service')
  require(frame[22] === 1, 'TTL')
  require(checksumOf(frame.subarray(14, 38)) === 0, 'header checksum')
  require([...frame.subarray(34, 38)].join() === '148,4,0,0', 'Router Alert')
  require([...frame.subarray(0, 3)].join() === '1,0,94', 'group hardware address')
  require(view.getUint16(16) === frame.length - 14, 'total length')
  require(checksumOf(frame.subarray(38)) === 0, 'checksum')
  const add = (text: string) => reports.push({ atMs, source, destination, text })
  const type = frame[38]!
  const names: Record<number, string> = { 18: 'v1 report', 22: 'v2 report', 23: 'leave' }
  const name = names[type]
  if (name !== undefined) {
    require(frame.length === 46, 'length')
    add(`${name} ${address(42)}`)
    return
  }
  require(type === 0x22 && destination === '224.0.0.22', 'type and destination')
  collectRecords(view, 38, frame.length, 4, add)
}

function collectRecords(
  view: DataView,
  start: number,
  end: number,
  version: 4 | 6,
  add: (text: string) => void,
): void {
  const size = version === 4 ? 4 : 16
  let position = start + 8
  for (let left = view.getUint16(start + 6); left > 0; left--) {
    const name = RECORD_NAMES[view.getUint8(position)]!
    const sourceCount = view.getUint16(position + 2)
    const group = formatIpAddress(readIpAddress(view, position + 4, version))
    position += 4 + size
    const sources = Array.from({ length: sourceCount }, (_, index) =>
      formatIpAddress(readIpAddress(view, position + index * size, version)),
    )
    position += sourceCount * size
    add(`${name} ${group}${sources.length > 0 ? ` from ${sources.join(' ')}` : ''}`)
  }
  require(position === end, 'length of the records')
}

export interface Query {
  group?: string
  sources?: string[]
  maxResponse?: number
  robustness?: number
  source?: string
  destination?: string
  hopLimit?: number
  routerAlert?: boolean
  /** Of the IPv4 header; Router Alert by default. */
  options?: number[]
  /** Octets cut off the end of the message. */
  cut?: number
  sourceCount?: number
}

/**
 * A query of MLDv2, or of MLDv1 when `version` says so; 1,000 ms to answer unless said otherwise.
 */
export function mldQuery(fields: Query = {}, version: 1 | 2 = 2): Uint8Array {
  const { group = '::', sources = [], maxResponse = 1_000, robustness = 0 } = fields
  const source = fields.source ?? QUERIER6
  const destination = fields.destination ?? (group === '::' ? 'ff02::1' : group)
  const tail =
    version === 1
      ? []
      : [robustness, 125, ...be16(fields.sourceCount ?? sources.length), ...sources.flatMap(ip)]
  const whole = concat(be16(maxResponse), [0, 0], ip(group), tail)
  const body = whole.subarray(0, whole.length - (fields.cut ?? 0))
  const message = icmpv6(source, destination, 130, 0, body)
  return mldFrame(message, source, destination, fields.hopLimit, fields.routerAlert)
}

export function mldV1Report(group: string): Uint8Array {
  const message = icmpv6(QUERIER6, group, 131, 0, concat(be32(0), ip(group)))
  return mldFrame(message, QUERIER6, group)
}

function mldFrame(
  message: Uint8Array,
  source: string,
  destination: string,
  hopLimit = 1,
  routerAlert = true,
): Uint8Array {
  const last = ip(destination).slice(12)
  const link = [0x33, 0x33, ...last].map((octet) => octet.toString(16).padStart(2, '0')).join(':')
  const fields = { source, destination, hopLimit, nextHeader: routerAlert ? 0 : 58 }
  const packet = ipv6(fields, routerAlert ? concat(ROUTER_ALERT6, message) : message)
  return concat(ethernet(link, PEER_MAC, 0x86dd), packet)
}

/** A query of IGMPv3, or of an older version; a second to answer unless said otherwise. */
export function igmpQuery(fields: Query = {}, version: 1 | 2 | 3 = 3): Uint8Array {
  const { group = '0.0.0.0', sources = [], maxResponse = version === 1 ? 0 : 10 } = fields
  const tail =
    version < 3
      ? []
      : [
          fields.robustness ?? 0,
          125,
          ...be16(fields.sourceCount ?? sources.length),
          ...sources.flatMap(ip),
        ]
  const whole = concat([0x11, maxResponse, 0, 0], ip(group), tail)
  return igmpFrame(
    withChecksum(whole.subarray(0, whole.length - (fields.cut ?? 0)), 2),
    fields.destination ?? (group === '0.0.0.0' ? '224.0.0.1' : group),
    fields.source,
    fields.hopLimit,
    fields.routerAlert === false ? [] : fields.options,
  )
}

export function igmpReport(type: number, group: string): Uint8Array {
  return igmpFrame(withChecksum(concat([type, 0, 0, 0], ip(group)), 2), group)
}

function igmpFrame(
  message: Uint8Array,
  destination: string,
  source = '10.0.0.1',
  timeToLive = 1,
  options: number[] = ROUTER_ALERT4,
): Uint8Array {
  const [, second, third, fourth] = ip(destination)
  const link = [1, 0, 0x5e, second! & 0x7f, third!, fourth!]
    .map((octet) => octet.toString(16).padStart(2, '0'))
    .join(':')
  const fields = { source, destination, protocol: 2, timeToLive, options }
  return concat(ethernet(link, PEER_MAC, 0x0800), ipv4(fields, message))
}

/** An echo request to a group, which a member gets (and only counts). */
export function echoTo(group: string): Uint8Array {
  const [, second, third, fourth] = ip(group)
  const link = [1, 0, 0x5e, second! & 0x7f, third!, fourth!]
    .map((octet) => octet.toString(16).padStart(2, '0'))
    .join(':')
  const packet = ipv4({ source: '10.0.0.9', destination: group, protocol: 1 }, icmpv4(8, 0, 1))
  return concat(ethernet(link, PEER_MAC, 0x800), packet)
}
