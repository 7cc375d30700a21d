/**
 * DNS messages as servers send them, honest or spoiled octet by octet, made without the code under
 * test.
 */

export const A = 1
export const NS = 2
export const CNAME = 5
export const SOA = 6
export const TXT = 16
export const AAAA = 28
export const OPT = 41

/** QR, RD and RA. */
export const RESPONSE = 0x8180
export const TRUNCATED = 0x0200

export interface RecordFields {
  readonly name: string
  readonly type: number
  readonly ttl?: number
  readonly class?: number
  readonly data: ArrayLike<number>
  /** Instead of the length of `data`. */
  readonly dataLength?: number
}

export interface ResponseFields {
  readonly id: number
  readonly flags?: number
  readonly status?: number
  readonly questions?: readonly { readonly name: string; readonly type: number }[]
  readonly answers?: readonly RecordFields[]
  readonly authorities?: readonly RecordFields[]
  readonly additionals?: readonly RecordFields[]
}

export function u16(value: number): number[] {
  return [(value >> 8) & 255, value & 255]
}

export function u32(value: number): number[] {
  return [...u16(value >>> 16), ...u16(value & 0xffff)]
}

/** Labels, uncompressed. */
export function encodeName(name: string): number[] {
  const labels = name === '' ? [] : name.split('.')
  return [...labels.flatMap((label) => [label.length, ...Buffer.from(label, 'latin1')]), 0]
}

export function record(fields: RecordFields): number[] {
  const { name, type, ttl = 300, data } = fields
  return [
    ...encodeName(name),
    ...u16(type),
    ...u16(fields.class ?? 1),
    ...u32(ttl),
    ...u16(fields.dataLength ?? data.length),
    ...Array.from(data),
  ]
}

export function a(name: string, text: string, ttl = 300): RecordFields {
  return { name, type: A, ttl, data: text.split('.').map(Number) }
}

/** `text` has all eight groups, or ends in `::` and one group. */
export function aaaa(name: string, text: string, ttl = 300): RecordFields {
  const [head, tail] = text.split('::')
  const front = head!.split(':').map((group) => Number.parseInt(group, 16))
  const back = tail === undefined ? [] : tail.split(':').map((group) => Number.parseInt(group, 16))
  const zeros = new Array<number>(8 - front.length - back.length).fill(0)
  return { name, type: AAAA, ttl, data: [...front, ...zeros, ...back].flatMap(u16) }
}

export function cname(name: string, target: string, ttl = 300): RecordFields {
  return { name, type: CNAME, ttl, data: encodeName(target) }
}

export function soa(zone: string, minimum: number, ttl = 3600): RecordFields {
  const numbers = [1, 2, 3, 4, minimum].flatMap(u32)
  return {
    name: zone,
    type: SOA,
    ttl,
    data: [...encodeName('ns'), ...encodeName('me'), ...numbers],
  }
}

export function opt(upperStatusBits = 0): RecordFields {
  return { name: '', type: OPT, class: 1232, ttl: upperStatusBits * 2 ** 24, data: [] }
}

export function response(fields: ResponseFields): Uint8Array {
  const { questions = [], answers = [], authorities = [], additionals = [] } = fields
  return Uint8Array.from([
    ...u16(fields.id),
    ...u16((fields.flags ?? RESPONSE) | (fields.status ?? 0)),
    ...[questions, answers, authorities, additionals].flatMap((list) => u16(list.length)),
    ...questions.flatMap(({ name, type }) => [...encodeName(name), ...u16(type), 0, 1]),
    ...[...answers, ...authorities, ...additionals].flatMap(record),
  ])
}

export interface ReceivedQuery {
  readonly id: number
  readonly flags: number
  readonly name: string
  readonly type: number
  /** 0 without EDNS. */
  readonly ednsPayload: number
  readonly bytes: Uint8Array
}

/** Reads what a resolver asks; throws when it is not one well-formed query. */
export function readQuery(bytes: Uint8Array): ReceivedQuery {
  const buffer = Buffer.from(bytes)
  const counts = [4, 6, 8, 10].map((offset) => buffer.readUInt16BE(offset))
  const additionals = counts[3]!
  if (counts[0] !== 1 || counts[1] !== 0 || counts[2] !== 0 || additionals > 1) {
    throw new Error(`Cannot read query: counts ${counts}`)
  }
  const labels: string[] = []
  let at = 12
  for (let length = buffer[at]!; length > 0; length = buffer[at]!) {
    labels.push(buffer.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const type = buffer.readUInt16BE(at + 1)
  if (buffer.readUInt16BE(at + 3) !== 1) throw new Error('Cannot read query: class is not IN')
  const rest = buffer.subarray(at + 5)
  let ednsPayload = 0
  if (additionals === 1) {
    ednsPayload = rest.readUInt16BE(3)
    const expected = [0, ...u16(OPT), ...u16(ednsPayload), ...u32(0), ...u16(0)]
    if (!rest.equals(Buffer.from(expected))) throw new Error('Cannot read query: bad OPT record')
  } else if (rest.length > 0) {
    throw new Error('Cannot read query: more octets than it needs')
  }
  const flags = buffer.readUInt16BE(2)
  return { id: buffer.readUInt16BE(0), flags, name: labels.join('.'), type, ednsPayload, bytes }
}
