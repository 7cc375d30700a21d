/**
 * A DHCPv4 server that throws at any message that RFC 2131 does not allow a client to send, and
 * answers as a test wants. Reads and writes bytes by hand: what the client's codec gets wrong
 * shows.
 */
import { formatIpv4Word } from '../../net/wire/ip-address-text.ts'
import { be16, be32, concat, ethernet, ip, ipv4, mac, udp } from '../support/frames.ts'
import { Violation } from './violation.ts'

export const CLIENT_MAC = '52:54:00:12:34:56'
export const SERVER_MAC = '52:54:00:00:00:53'
export const SERVER_IPV4 = '192.168.7.1'
export const LEASED_IPV4 = '192.168.7.50'
const BROADCAST_MAC = 'ff:ff:ff:ff:ff:ff'
const COOKIE = 0x63825363

export type MessageName = 'discover' | 'offer' | 'request' | 'decline' | 'ack' | 'nak' | 'release'
const TYPES: readonly (MessageName | '')[] = [
  ...['', 'discover', 'offer', 'request', 'decline', 'ack', 'nak', 'release'],
] as (MessageName | '')[]

/** What the client has said, as far as tests look at it. */
export interface HeardMessage {
  readonly atMs: number
  readonly name: MessageName
  readonly transactionId: number
  readonly seconds: number
  readonly isBroadcastWanted: boolean
  readonly source: string
  readonly destination: string
  readonly ciaddr: string
  readonly options: ReadonlyMap<number, readonly number[]>
}

export type Option = readonly [number, readonly number[]]

export interface Answer {
  name?: MessageName
  yiaddr?: string
  transactionId?: number
  chaddr?: string
  server?: string
  /** In place of those of `answerOptions`. */
  options?: readonly Option[]
  /** Where to; a broadcast by default. */
  destination?: string
  destinationMac?: string
  /** Of the whole datagram's payload, just before it goes. */
  spoil?: (payload: Uint8Array) => Uint8Array
}

export class StrictDhcpServer {
  readonly heard: HeardMessage[] = []
  address = SERVER_IPV4
  lease = LEASED_IPV4
  leaseSeconds = 3600
  /** Options of offers and acknowledgments beside type, server and lease time. */
  extra: Option[] = [
    [1, [255, 255, 255, 0]],
    [3, ip(SERVER_IPV4)],
    [6, [...ip('192.168.7.53'), ...ip('192.168.7.54')]],
    [15, [...Buffer.from('Lan.Example\0')]],
  ]
  isSilent = false
  /** Answers requests with a refusal. */
  refuses = false

  /** The answer to a frame of the client, or null. Throws Violation. */
  hear(frame: Uint8Array, atMs: number): Uint8Array | null {
    const message = readMessage(frame, atMs)
    if (message === null) return null
    checkMessage(message)
    this.heard.push(message)
    if (this.isSilent) return null
    if (message.name === 'discover') return this.answer(message, { name: 'offer' })
    if (message.name !== 'request') return null
    const server = message.options.get(54)
    // A request that names another server means that ours was not chosen.
    if (server !== undefined && text(server) !== this.address) return null
    return this.answer(message, { name: this.refuses ? 'nak' : 'ack' })
  }

  take(): HeardMessage[] {
    return this.heard.splice(0)
  }

  /** A frame that answers `message`, right but for what `wanted` says. */
  answer(message: HeardMessage, wanted: Answer = {}): Uint8Array {
    const name = wanted.name ?? 'offer'
    const isRefusal = name === 'nak'
    const options = wanted.options ?? this.answerOptions(name, wanted.server)
    const payload = concat(
      [2, 1, 6, 0],
      be32(wanted.transactionId ?? message.transactionId),
      be16(0),
      be16(message.isBroadcastWanted ? 0x8000 : 0),
      ip(isRefusal ? '0.0.0.0' : message.ciaddr),
      ip(wanted.yiaddr ?? (isRefusal ? '0.0.0.0' : this.lease)),
      ip('0.0.0.0'),
      ip('0.0.0.0'),
      [...mac(wanted.chaddr ?? CLIENT_MAC), ...new Array<number>(10).fill(0)],
      new Array<number>(192).fill(0),
      be32(COOKIE),
      ...options.map(([code, value]) => [code, value.length, ...value]),
      [255],
    )
    const isRenewal = message.ciaddr !== '0.0.0.0' && !isRefusal
    const destination = wanted.destination ?? (isRenewal ? message.ciaddr : '255.255.255.255')
    const spoiled = wanted.spoil?.(payload) ?? payload
    const hardware = wanted.destinationMac ?? (isRenewal ? CLIENT_MAC : BROADCAST_MAC)
    return concat(
      ethernet(hardware, SERVER_MAC, 0x800),
      ipv4(
        { source: this.address, destination, protocol: 17 },
        udp(this.address, destination, 67, 68, spoiled),
      ),
    )
  }

  answerOptions(name: MessageName, server = this.address): Option[] {
    const own: Option[] = [
      [53, [TYPES.indexOf(name)]],
      [54, ip(server)],
    ]
    return name === 'nak' ? own : [...own, [51, be32(this.leaseSeconds)], ...this.extra]
  }
}

function text(octets: readonly number[]): string {
  return octets.join('.')
}

/** Null when the frame is no datagram for a DHCP server. */
function readMessage(frame: Uint8Array, atMs: number): HeardMessage | null {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length)
  if (view.getUint16(12) !== 0x800 || frame[23] !== 17 || view.getUint16(36) !== 67) return null
  if (view.getUint16(34) !== 68) throw new Violation('a client sends from port 68')
  const bytes = frame.subarray(42, 34 + view.getUint16(38))
  const body = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (bytes.length < 300) throw new Violation(`a message of ${bytes.length} octets (RFC 1542 §2.1)`)
  if (bytes[0] !== 1 || bytes[1] !== 1 || bytes[2] !== 6 || bytes[3] !== 0) {
    throw new Violation('op, htype, hlen or hops is wrong')
  }
  if (body.getUint32(236) !== COOKIE) throw new Violation('no magic cookie')
  if (bytes.subarray(16, 28).some((octet) => octet !== 0)) {
    throw new Violation('yiaddr, siaddr and giaddr are 0 in what a client sends')
  }
  if (bytes.subarray(44, 236).some((octet) => octet !== 0)) {
    throw new Violation('sname and file are unused')
  }
  const options = new Map<number, readonly number[]>()
  let position = 240
  while (bytes[position] !== 255) {
    const length = bytes[position + 1]
    if (length === undefined) throw new Violation('no end option')
    if (options.has(bytes[position]!)) throw new Violation(`option ${bytes[position]} twice`)
    options.set(bytes[position]!, [...bytes.subarray(position + 2, position + 2 + length)])
    position += 2 + length
  }
  if (bytes.subarray(position + 1).some((octet) => octet !== 0)) {
    throw new Violation('something behind the end option')
  }
  const hardware = Buffer.from(bytes.subarray(28, 34))
    .toString('hex')
    .replace(/..(?!$)/g, '$&:')
  if (hardware !== CLIENT_MAC) throw new Violation(`chaddr ${hardware}`)
  return {
    atMs,
    name: TYPES[options.get(53)?.[0] ?? 0] as MessageName,
    transactionId: body.getUint32(4),
    seconds: body.getUint16(8),
    isBroadcastWanted: body.getUint16(10) === 0x8000,
    source: formatIpv4Word(view.getInt32(26)),
    destination: formatIpv4Word(view.getInt32(30)),
    ciaddr: formatIpv4Word(body.getInt32(12)),
    options,
  }
}

/** RFC 2131 table 5, and §4.3.2 for the kinds of requests. */
function checkMessage(message: HeardMessage): void {
  const { name, options, ciaddr, source, destination } = message
  const must = (isRight: boolean, rule: string): void => {
    if (!isRight) throw new Violation(`${name}: ${rule}`)
  }
  must(options.get(61)?.[0] === 255 && options.get(61)?.length === 15, 'RFC 4361 identifier')
  const isWithoutAddress = ciaddr === '0.0.0.0'
  switch (name) {
    case 'discover':
      must(isWithoutAddress, 'ciaddr MUST be 0')
      must(!options.has(54), 'MUST NOT have a server identifier')
      must(options.has(55) && options.has(57), 'asks for parameters')
      break
    case 'request':
      if (options.has(54)) {
        must(isWithoutAddress && options.has(50), 'selecting: ciaddr 0, requested address')
      } else if (!isWithoutAddress) {
        must(!options.has(50), 'renewing: ciaddr, no requested address')
        must(source === ciaddr, 'renewing: from the address')
      } else {
        must(options.has(50), 'rebooting: ciaddr 0, requested address')
      }
      break
    case 'decline':
      must(isWithoutAddress && options.has(50) && options.has(54), 'ciaddr 0, options 50 and 54')
      must(!options.has(55) && !options.has(57), 'no other options')
      break
    case 'release':
      must(!isWithoutAddress && options.has(54) && !options.has(50), 'ciaddr, option 54')
      must(destination !== '255.255.255.255', 'unicast to the server')
      break
    default:
      throw new Violation(`a client does not send ${name}`)
  }
  if (isWithoutAddress) {
    must(source === '0.0.0.0' && destination === '255.255.255.255', 'from nobody to everybody')
  }
}
