/**
 * DNS messages: queries emitted, responses parsed without trust in counts or lengths (RFC 1035 §4,
 * RFC 6891).
 */
import { emitName, readName, skipName } from './dns-name.ts'
import { type IpAddress, readIpAddress } from './ip-address.ts'

export const DNS_PORT = 53
export const DNS_HEADER_LENGTH = 12
/**
 * What may come over UDP: with the headers of IPv6 and UDP, 1280 octets, which every path carries
 * (RFC 8200 §5).
 */
export const EDNS_PAYLOAD_BYTES = 1232
/**
 * Records of a message that are looked at, those of all sections together: what is asked for comes
 * first.
 */
export const MAX_RECORDS = 128

export const DnsType = { A: 1, Ns: 2, Cname: 5, Soa: 6, Aaaa: 28, Opt: 41 } as const
/** The types that can be asked for. */
export type AddressType = typeof DnsType.A | typeof DnsType.Aaaa

/** RFC 1035 §4.1.1, RFC 6891 §9. */
export const DnsStatus = {
  NoError: 0,
  FormatError: 1,
  ServerFailure: 2,
  NameError: 3,
  NotImplemented: 4,
  Refused: 5,
  BadVersion: 16,
} as const

const CLASS_INTERNET = 1
/** RFC 6762 §10.2: mDNS uses the first bit of a record's class for something else. */
const CLASS_MASK = 0x7fff
const RESPONSE = 0x8000
const OPCODE_MASK = 0x7800
const TRUNCATED = 0x0200
const RECURSION_DESIRED = 0x0100
const RECURSION_AVAILABLE = 0x0080
const OPT_LENGTH = 11
const RECORD_FIXED_LENGTH = 10
/** RFC 1035 §3.3.13: serial, refresh, retry, expire and minimum behind two names. */
const SOA_NUMBERS_LENGTH = 20
/**
 * RFC 2181 §8: "Implementations should treat TTL values received with the most significant bit set
 * as if the entire value received was zero."
 */
const MAX_TTL_SECONDS = 0x7fffffff

export interface DnsQuestion {
  /** As isHostName wants it. */
  readonly name: string
  readonly type: AddressType
}

export type DnsSection = 'answer' | 'authority' | 'additional'

/** A record of one of the known types; others are left out. */
export interface DnsRecord {
  readonly section: DnsSection
  readonly name: string
  readonly type: number
  readonly ttlSeconds: number
  /** Of A and AAAA. */
  readonly address: IpAddress | null
  /** Of CNAME. */
  readonly alias: string | null
  /** Of SOA, else 0. */
  readonly minimumSeconds: number
}

export interface DnsMessage {
  readonly id: number
  readonly isTruncated: boolean
  readonly canRecurse: boolean
  /** With the upper bits of EDNS. */
  readonly status: number
  /** Null unless there is exactly one, of class IN. `type` is any number here. */
  readonly question: { readonly name: string; readonly type: number } | null
  readonly questionCount: number
  /** None of a truncated response. */
  readonly records: readonly DnsRecord[]
}

/** One query. With `edns`, it says how much may come back over UDP. */
export function emitQuery(
  id: number,
  question: DnsQuestion,
  isRecursive: boolean,
  edns: boolean,
): Uint8Array {
  const length = DNS_HEADER_LENGTH + question.name.length + 6 + (edns ? OPT_LENGTH : 0)
  const message = new Uint8Array(length)
  const view = new DataView(message.buffer)
  view.setUint16(0, id)
  view.setUint16(2, isRecursive ? RECURSION_DESIRED : 0)
  view.setUint16(4, 1)
  view.setUint16(10, edns ? 1 : 0)
  const at = emitName(message, DNS_HEADER_LENGTH, question.name)
  view.setUint16(at, question.type)
  view.setUint16(at + 2, CLASS_INTERNET)
  if (edns) {
    // RFC 6891 §6.1.2: the root as name, then the type, the payload size as class, no flags, no
    // options.
    view.setUint16(at + 5, DnsType.Opt)
    view.setUint16(at + 7, EDNS_PAYLOAD_BYTES)
  }
  return message
}

/**
 * Reads a response; null when it is not one, or malformed. Counts only end the reading, they never
 * make room.
 */
export function parseResponse(message: Uint8Array): DnsMessage | null {
  if (message.length < DNS_HEADER_LENGTH) return null
  const view = new DataView(message.buffer, message.byteOffset, message.length)
  const flags = view.getUint16(2)
  if ((flags & (RESPONSE | OPCODE_MASK)) !== RESPONSE) return null
  const questionCount = view.getUint16(4)
  let at = DNS_HEADER_LENGTH
  let question: DnsMessage['question'] = null
  for (let index = 0; index < questionCount; index++) {
    const end = skipName(message, at)
    if (end < 0 || end + 4 > message.length) return null
    if (questionCount === 1 && (view.getUint16(end + 2) & CLASS_MASK) === CLASS_INTERNET) {
      const name = readName(message, at)
      if (name === null) return null
      question = { name, type: view.getUint16(end) }
    }
    at = end + 4
  }
  const isTruncated = (flags & TRUNCATED) !== 0
  const reader = new RecordReader(message, view, at)
  // Nobody uses the records of a truncated response (RFC 2181 §9), and some servers cut within one.
  if (
    !isTruncated &&
    !(
      reader.read('answer', view.getUint16(6)) &&
      reader.read('authority', view.getUint16(8)) &&
      reader.read('additional', view.getUint16(10))
    )
  ) {
    return null
  }
  return {
    id: view.getUint16(0),
    isTruncated,
    canRecurse: (flags & RECURSION_AVAILABLE) !== 0,
    status: (flags & 0xf) | (reader.statusUpperBits << 4),
    question,
    questionCount,
    records: reader.records,
  }
}

class RecordReader {
  readonly records: DnsRecord[] = []
  statusUpperBits = 0
  private readonly message: Uint8Array
  private readonly view: DataView
  private at: number
  private seen = 0

  constructor(message: Uint8Array, view: DataView, at: number) {
    this.message = message
    this.view = view
    this.at = at
  }

  /** Reads the records of a section; false when one is malformed. */
  read(section: DnsSection, count: number): boolean {
    const { message, view } = this
    for (let index = 0; index < count && this.seen < MAX_RECORDS; index++) {
      this.seen++
      const fixed = skipName(message, this.at)
      const data = fixed + RECORD_FIXED_LENGTH
      if (fixed < 0 || data > message.length) return false
      const end = data + view.getUint16(fixed + 8)
      if (end > message.length || !this.readRecord(section, fixed, data, end)) return false
      this.at = end
    }
    return true
  }

  /** A record whose fixed fields begin at `fixed` and whose data is from `data` to `end`. */
  private readRecord(section: DnsSection, fixed: number, data: number, end: number): boolean {
    const { message, view } = this
    const type = view.getUint16(fixed)
    if (type === DnsType.Opt) {
      if (section === 'additional') this.statusUpperBits = view.getUint8(fixed + 4)
      return true
    }
    if ((view.getUint16(fixed + 2) & CLASS_MASK) !== CLASS_INTERNET) return true
    let address: IpAddress | null = null
    let alias: string | null = null
    let minimumSeconds = 0
    if (type === DnsType.A || type === DnsType.Aaaa) {
      const version = type === DnsType.A ? 4 : 6
      if (end - data !== (version === 4 ? 4 : 16)) return false
      address = readIpAddress(view, data, version)
    } else if (type === DnsType.Cname) {
      alias = readName(message, data)
      if (alias === null || skipName(message, data) !== end) return false
    } else if (type === DnsType.Soa) {
      const names = skipName(message, data)
      const numbers = names < 0 ? -1 : skipName(message, names)
      if (numbers < 0 || numbers + SOA_NUMBERS_LENGTH !== end) return false
      minimumSeconds = secondsAt(view, end - 4)
    } else if (type !== DnsType.Ns) {
      return true
    }
    const name = readName(message, this.at)
    if (name === null) return false
    const ttlSeconds = secondsAt(view, fixed + 4)
    this.records.push({ section, name, type, ttlSeconds, address, alias, minimumSeconds })
    return true
  }
}

function secondsAt(view: DataView, offset: number): number {
  const seconds = view.getUint32(offset)
  return seconds > MAX_TTL_SECONDS ? 0 : seconds
}
