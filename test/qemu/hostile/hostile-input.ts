/**
 * What one row of the hostile corpus is, and the packets that rows are made of: from the tester to
 * the guest.
 */
import {
  arp,
  be16,
  be32,
  concat,
  ethernet,
  type Ipv4Fields,
  type Ipv6Fields,
  icmpv4,
  icmpv6,
  ip,
  ipv4,
  ipv6,
  mac,
  tcp,
  udp,
} from '../../support/frames.ts'

export const GUEST_MAC = '52:54:00:12:34:56'
export const TESTER_MAC = '0a:00:00:00:00:01'
export const EVERYBODY = 'ff:ff:ff:ff:ff:ff'
export const NOBODY = '00:00:00:00:00:00'
export const GUEST4 = '10.0.0.2'
export const TESTER4 = '10.0.0.9'
export const GUEST6 = 'fd00::2'
export const TESTER6 = 'fd00::9'
export const SOLICITED = 'ff02::1:ff00:2'
export const SOLICITED_MAC = '33:33:ff:00:00:02'

/** Which valid request must be answered right after the input. */
export type Twin = 'arp' | 'ping4' | 'ping6' | 'solicitation' | 'udp4' | 'udp6' | 'tcp4' | 'tcp6'

export interface HostileInput {
  /** Of the corpus: several rows may share one. */
  readonly number: number
  readonly name: string
  readonly frames: () => Iterable<Uint8Array>
  readonly twin: Twin
  /** What comes back to the tester, frame by frame; nothing when absent. */
  readonly answer?: Answer
  /** Not counted as a drop: it is valid, or dropped below the guest. */
  readonly isUncounted?: true
  /** Not counted from this QEMU on, which drops it itself. */
  readonly uncountedSinceQemu?: number
}

/** A name for failures, and the test of a frame; how many there may be at most, 1 by default. */
export interface Answer {
  readonly name: string
  readonly matches: (frame: Buffer) => boolean
  readonly atMost?: number
  readonly isOptional?: true
}

export type InputRow = [
  number: number,
  name: string,
  frames: () => Uint8Array | Iterable<Uint8Array>,
  more?: Omit<Partial<HostileInput>, 'number' | 'name' | 'frames' | 'twin'>,
]

export function inputs(twin: Twin, rows: readonly InputRow[]): HostileInput[] {
  return rows.map(([number, name, make, more]) => ({
    ...{ number, name, twin, ...more },
    frames: () => {
      const made = make()
      return made instanceof Uint8Array ? [made] : made
    },
  }))
}

// --- Packets -------------------------------------------------------------------------------------

export const echo4 = icmpv4(8, 0, 0x00770001, [1, 2, 3])
export const echo6 = icmpv6(TESTER6, GUEST6, 128, 0, concat(be32(0x00770001), [1, 2, 3]))

export function four(
  fields: Partial<Ipv4Fields>,
  payload: ArrayLike<number> = echo4,
  link = GUEST_MAC,
): Uint8Array {
  const base = { source: TESTER4, destination: GUEST4, protocol: 1 }
  return concat(ethernet(link, TESTER_MAC, 0x0800), ipv4({ ...base, ...fields }, payload))
}

export function six(
  fields: Partial<Ipv6Fields>,
  payload: ArrayLike<number> = echo6,
  link = GUEST_MAC,
): Uint8Array {
  const base = { source: TESTER6, destination: GUEST6, nextHeader: 58 }
  return concat(ethernet(link, TESTER_MAC, 0x86dd), ipv6({ ...base, ...fields }, payload))
}

/** IPv6 with extension headers in front of what `nextHeader` leads to. */
export function chain(nextHeader: number, ...parts: ArrayLike<number>[]): Uint8Array {
  return six({ nextHeader }, concat(...parts))
}

export function question(sender = TESTER4, hardware = TESTER_MAC, target = GUEST4): Uint8Array {
  const body = arp(1, hardware, sender, NOBODY, target)
  return concat(ethernet(EVERYBODY, TESTER_MAC, 0x0806), body)
}

export function reply(sender: string, hardware: string, operation = 2): Uint8Array {
  const body = arp(operation, hardware, sender, GUEST_MAC, GUEST4)
  return concat(ethernet(GUEST_MAC, TESTER_MAC, 0x0806), body)
}

export interface Discovery {
  type?: number
  code?: number
  source?: string
  destination?: string
  link?: string
  hopLimit?: number
  /** Behind the four octets that all have. */
  body?: ArrayLike<number>
}

/** A message of neighbor discovery; by default a valid solicitation of the guest's address. */
export function discovery(fields: Discovery = {}): Uint8Array {
  const { type = 135, code = 0, source = TESTER6, destination = SOLICITED } = fields
  const { link = SOLICITED_MAC, hopLimit = 255 } = fields
  const body = fields.body ?? concat(be32(0), ip(GUEST6), [1, 1], mac(TESTER_MAC))
  const message = icmpv6(source, destination, type, code, body)
  return six({ source, destination, hopLimit }, message, link)
}

export const icmp4 = (type: number, code: number, rest: number, data?: ArrayLike<number>) =>
  four({}, icmpv4(type, code, rest, data))

export const icmp6 = (type: number, code: number, body: ArrayLike<number>) =>
  six({}, icmpv6(TESTER6, GUEST6, type, code, body))

/** A datagram of a service's port, changed before it travels: the checksum is that of before. */
export function datagram4(change: (message: Uint8Array) => Uint8Array = (it) => it): Uint8Array {
  return four({ protocol: 17 }, change(udp(TESTER4, GUEST4, 4000, 7, [1, 2, 3, 4])))
}

export function datagram6(change: (message: Uint8Array) => Uint8Array = (it) => it): Uint8Array {
  return six({ nextHeader: 17 }, change(udp(TESTER6, GUEST6, 4000, 7, [1, 2, 3, 4])))
}

/** A SYN to `port` of the built-in app, from 4000. */
export function syn4(fields: Partial<Ipv4Fields> = {}): Uint8Array {
  const source = fields.source ?? TESTER4
  return four({ protocol: 6, ...fields }, tcp(source, fields.destination ?? GUEST4, 2))
}

export const padding = (next: number): number[] => [next, 0, 1, 4, 0, 0, 0, 0]

/** A fragment header: `offset` in octets. */
export function fragmentHeader(next: number, offset: number, more: boolean, id: number): number[] {
  return [next, 0, ...be16(offset | (more ? 1 : 0)), ...be32(id)]
}

export function* times<T>(count: number, make: (index: number) => T): Generator<T> {
  for (let index = 0; index < count; index++) yield make(index)
}

// --- Answers -------------------------------------------------------------------------------------

export function isIpv4Of(protocol: number, frame: Buffer): boolean {
  return frame.readUInt16BE(12) === 0x0800 && frame[23] === protocol
}

export function isIpv6Of(nextHeader: number, frame: Buffer): boolean {
  return frame.readUInt16BE(12) === 0x86dd && frame[20] === nextHeader
}

export function icmp4Answer(type: number, code: number): Answer {
  return {
    name: `ICMP type ${type} code ${code}`,
    matches: (frame) => isIpv4Of(1, frame) && frame[34] === type && frame[35] === code,
  }
}

export function icmp6Answer(type: number, code: number, pointer?: number): Answer {
  return {
    name: `ICMPv6 type ${type} code ${code} pointer ${pointer}`,
    matches: (frame) =>
      isIpv6Of(58, frame) &&
      frame[54] === type &&
      frame[55] === code &&
      (pointer === undefined || frame.readUInt32BE(58) === pointer),
  }
}

/** An answer of its own, though the input is strange. */
export const ECHOED4 = icmp4Answer(0, 0)
export const ECHOED6 = icmp6Answer(129, 0)
