/**
 * The UDP ports at which the stack itself waits for answers, as rules that mean all that nobody has
 * asked for but them.
 */
import { BeginningRules, type ByteRule } from '../phy/frame-rules.ts'
import { IpProtocol } from '../wire/ipv4.ts'

/**
 * A question has one; more at once are answered by whoever comes through. Each makes the look ahead
 * dearer.
 */
export const MAX_AWAITED_PORTS = 8

const PORT_BITS = 16
/** Where the destination port of UDP lies in a frame, behind an IPv4 header without options. */
const IPV4_PORT_OFFSET = 36
const IPV6_PORT_OFFSET = 56
/** What IPv4 headers with options begin with: each nibble but 5. */
const IPV4_WITH_OPTIONS: readonly ByteRule[] = [
  { offset: 14, value: 0x48, mask: 0xf8 },
  { offset: 14, value: 0x40, mask: 0xfc },
  { offset: 14, value: 0x46, mask: 0xfe },
  { offset: 14, value: 0x44, mask: 0xff },
]

const UDP_OVER_IPV4 = [...ethernetType(0x0800), at(23, IpProtocol.Udp)]
const UDP_OVER_IPV6 = [...ethernetType(0x86dd), at(20, IpProtocol.Udp)]
const PINGS = [
  [...ethernetType(0x0800), at(14, 0x45), at(23, IpProtocol.Icmpv4), at(34, 8)],
  [...ethernetType(0x86dd), at(20, IpProtocol.Icmpv6), at(54, 128)],
]

/**
 * What anybody can send without having been asked, at whatever rate: UDP, fragments of it included,
 * and pings.
 */
export const UNASKED = new BeginningRules([
  [...UDP_OVER_IPV4, { offset: 14, value: 0x40, mask: 0xf0 }],
  UDP_OVER_IPV6,
  ...PINGS,
])

export class AwaitedPorts {
  private readonly ports: number[] = []
  private made: BeginningRules | null = UNASKED

  add(port: number): void {
    this.ports.push(port)
    this.made = null
  }

  remove(port: number): void {
    const index = this.ports.indexOf(port)
    if (index < 0) return
    this.ports.splice(index, 1)
    this.made = null
  }

  /** UNASKED, but for UDP to the ports that have been awaited for longest. */
  get rules(): BeginningRules {
    this.made ??= this.makeRules()
    return this.made
  }

  private makeRules(): BeginningRules {
    if (this.ports.length === 0) return UNASKED
    // A DHCP client of each interface waits at the same port.
    const distinct = [...new Set(this.ports)]
    const others = rangesBeside(distinct.slice(0, MAX_AWAITED_PORTS))
    const plain: readonly ByteRule[] = [...UDP_OVER_IPV4, at(14, 0x45)]
    return new BeginningRules([
      ...PINGS,
      ...IPV4_WITH_OPTIONS.map((rule) => [...UDP_OVER_IPV4, rule]),
      ...others.map((range) => [...plain, ...portRule(IPV4_PORT_OFFSET, range)]),
      ...others.map((range) => [...UDP_OVER_IPV6, ...portRule(IPV6_PORT_OFFSET, range)]),
    ])
  }
}

/** Ports whose bits of `mask` are those of `first`. */
interface PortRange {
  readonly first: number
  readonly mask: number
}

/**
 * All ports but these, in as few ranges as prefixes can name: at most 16 for each of them. Beside a
 * prefix that holds one lies another that differs in its last bit; it is a range if it holds none.
 */
function rangesBeside(ports: readonly number[]): PortRange[] {
  const ranges = new Map<number, PortRange>()
  for (const port of ports) {
    for (let bit = 0; bit < PORT_BITS; bit++) {
      const mask = (0xffff << bit) & 0xffff
      const first = (port ^ (1 << bit)) & mask
      if (ports.some((other) => (other & mask) === first)) continue
      ranges.set(first * (PORT_BITS + 1) + bit, { first, mask })
    }
  }
  return [...ranges.values()]
}

function portRule(offset: number, { first, mask }: PortRange): ByteRule[] {
  return [
    { offset, value: first >> 8, mask: mask >> 8 },
    { offset: offset + 1, value: first & 0xff, mask: mask & 0xff },
  ]
}

function at(offset: number, value: number): ByteRule {
  return { offset, value }
}

function ethernetType(type: number): ByteRule[] {
  return [at(12, type >> 8), at(13, type & 0xff)]
}
