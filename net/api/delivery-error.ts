/**
 * What ICMP says of a packet that was not delivered, as applications see it (RFC 792, RFC 4443, RFC
 * 1122 §4.1.3.3).
 */
import type { IcmpReport, TransportError } from '../iface/protocol-handler.ts'
import { Icmpv4Type, Icmpv4Unreachable } from '../wire/icmpv4.ts'
import { Icmpv6Type, Icmpv6Unreachable } from '../wire/icmpv6.ts'
import { ParameterProblemCode } from '../wire/ipv6-extension.ts'
import { formatZoned } from './address-text.ts'
import { NetError, type NetErrorCode } from './net-error.ts'

export class DeliveryError extends NetError {
  /** The address that the packet was sent to, and its port; 0 where the protocol has none. */
  readonly hostname: string
  readonly port: number
  /** Who reported it: the host itself, or a router on the way. */
  readonly reporter: string
  /** Of the ICMP or ICMPv6 message. */
  readonly icmpType: number
  readonly icmpCode: number
  /** Bytes of a packet that the path carries, with 'message-too-large'; 0 otherwise. */
  readonly mtuBytes: number

  /** With `hasZones`, as where there are several interfaces, link-local addresses have theirs. */
  constructor(error: TransportError, report: IcmpReport, port: number, hasZones: boolean) {
    // What is sent by an interface is answered for on its link.
    const zone = hasZones ? error.interfaceIndex : null
    const hostname = formatZoned(error.destination, zone)
    const reporter = formatZoned(report.reporter, zone)
    const code = codeOf(error, report)
    const what = REASONS[code] ?? 'was not delivered'
    const to = port === 0 ? hostname : `${hostname} port ${port}`
    const mtuBytes = error.kind === 'mtu' ? error.mtu : 0
    const limit = mtuBytes === 0 ? '' : ` of ${mtuBytes} bytes`
    super(code, `A packet to ${to} ${what}${limit} (reported by ${reporter})`)
    this.name = 'DeliveryError'
    this.hostname = hostname
    this.port = port
    this.reporter = reporter
    this.icmpType = report.type
    this.icmpCode = report.code
    this.mtuBytes = mtuBytes
  }
}

const REASONS: Partial<Record<NetErrorCode, string>> = {
  refused: 'was refused: nobody there takes it',
  unreachable: 'found no way',
  'time-exceeded': 'took too long',
  'message-too-large': 'is larger than the path carries: it has an MTU',
}

function codeOf(error: TransportError, { type, code }: IcmpReport): NetErrorCode {
  if (error.kind === 'mtu') return 'message-too-large'
  if (error.ipVersion === 4) {
    if (type === Icmpv4Type.TimeExceeded) return 'time-exceeded'
    const { Port, Protocol } = Icmpv4Unreachable
    const isRefusal =
      type === Icmpv4Type.DestinationUnreachable && (code === Port || code === Protocol)
    return isRefusal ? 'refused' : 'unreachable'
  }
  if (type === Icmpv6Type.TimeExceeded) return 'time-exceeded'
  const isRefusal =
    type === Icmpv6Type.ParameterProblem
      ? code === ParameterProblemCode.UnrecognizedNextHeader
      : type === Icmpv6Type.DestinationUnreachable && code === Icmpv6Unreachable.Port
  return isRefusal ? 'refused' : 'unreachable'
}
