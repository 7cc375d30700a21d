/**
 * DHCP for IPv6, as much as a client needs that asks for parameters only (RFC 8415 §8, §18.2.6,
 * §21).
 */

export const DHCPV6_CLIENT_PORT = 546
export const DHCPV6_SERVER_PORT = 547

export const Dhcpv6MessageType = {
  Reply: 7,
  InformationRequest: 11,
} as const

export const Dhcpv6Option = {
  ClientIdentifier: 1,
  ServerIdentifier: 2,
  OptionRequest: 6,
  ElapsedTime: 8,
  StatusCode: 13,
  DnsServers: 23,
  DomainList: 24,
  InformationRefreshTime: 32,
  InformationMaximumRetransmission: 83,
} as const

const HEADER_LENGTH = 4
const OPTION_HEADER_LENGTH = 4
/** The longest DUID (§11.1: "not more than 130 octets long"). */
const MAX_IDENTIFIER_LENGTH = 130

/** By code the first of each: no option that this client asks for may come twice. */
export type Dhcpv6Options = ReadonlyMap<number, Uint8Array>

/** True when the message is long enough to say so and belongs to this transaction. */
export function isDhcpv6Transaction(bytes: Uint8Array, transactionId: number): boolean {
  const said = (bytes[1]! << 16) | (bytes[2]! << 8) | bytes[3]!
  return bytes.length >= HEADER_LENGTH && said === transactionId
}

/**
 * Reads the options of a Reply. Null when it is not one, or an option goes beyond the end.
 * Allocates.
 */
export function parseDhcpv6Reply(bytes: Uint8Array): Dhcpv6Options | null {
  if (bytes.length < HEADER_LENGTH || bytes[0] !== Dhcpv6MessageType.Reply) return null
  const options = new Map<number, Uint8Array>()
  let position = HEADER_LENGTH
  while (position < bytes.length) {
    const value = position + OPTION_HEADER_LENGTH
    if (value > bytes.length) return null
    const code = (bytes[position]! << 8) | bytes[position + 1]!
    const end = value + ((bytes[position + 2]! << 8) | bytes[position + 3]!)
    if (end > bytes.length) return null
    if (!options.has(code)) options.set(code, bytes.slice(value, end))
    position = end
  }
  return options
}

export interface InformationRequest {
  readonly transactionId: number
  /** The client's DUID. */
  readonly clientIdentifier: Uint8Array
  /** Hundredths of a second since the exchange began, at most 0xffff. */
  readonly elapsedHundredths: number
  /** Codes of the options wanted. */
  readonly requested: readonly number[]
}

/** The message as the payload of a datagram. Allocates. */
export function emitInformationRequest(request: InformationRequest): Uint8Array {
  const { clientIdentifier, requested, transactionId } = request
  if (clientIdentifier.length > MAX_IDENTIFIER_LENGTH) {
    throw new RangeError('Cannot emit an Information-request: the client identifier is too long')
  }
  const requestedLength = 2 * requested.length
  const bytes = new Uint8Array(
    HEADER_LENGTH + 3 * OPTION_HEADER_LENGTH + clientIdentifier.length + 2 + requestedLength,
  )
  const view = new DataView(bytes.buffer)
  view.setInt32(0, (Dhcpv6MessageType.InformationRequest << 24) | transactionId)
  let position = HEADER_LENGTH
  const begin = (code: number, length: number): void => {
    view.setInt32(position, (code << 16) | length)
    position += OPTION_HEADER_LENGTH
  }
  begin(Dhcpv6Option.ClientIdentifier, clientIdentifier.length)
  bytes.set(clientIdentifier, position)
  position += clientIdentifier.length
  begin(Dhcpv6Option.ElapsedTime, 2)
  view.setUint16(position, Math.min(request.elapsedHundredths, 0xffff))
  position += 2
  begin(Dhcpv6Option.OptionRequest, requestedLength)
  for (const code of requested) {
    view.setUint16(position, code)
    position += 2
  }
  return bytes
}
