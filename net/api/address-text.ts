/** Addresses as applications write and read them. */
import { copyOfAddress, type IpAddress, isLinkLocal, isSameAddress } from '../wire/ip-address.ts'
import { formatIpAddress, parseScopedAddress } from '../wire/ip-address-text.ts'
import { NetError } from './net-error.ts'

/** An address and the interface that is meant; undefined = whichever leads there. */
export interface Endpoint {
  readonly address: IpAddress
  readonly interfaceIndex: number | undefined
}

/** Null when the text is no address, with or without a zone (`fe80::1%1`). */
export function parseEndpoint(text: string): Endpoint | null {
  const scoped = parseScopedAddress(text)
  if (scoped === null) return null
  return { address: scoped.address, interfaceIndex: scoped.zone ?? undefined }
}

/** Throws NetError 'unreachable' when the text is no address. */
export function requireEndpoint(text: string): Endpoint {
  const endpoint = parseEndpoint(text)
  if (endpoint === null) {
    throw new NetError('unreachable', `Cannot resolve "${text}": not an address`)
  }
  return endpoint
}

/** As requireEndpoint, for what has no zone. */
export function requireAddress(text: string): IpAddress {
  return requireEndpoint(text).address
}

/** The text of addresses that come one after the other and are often the same. */
export class AddressText {
  private lastAddress: IpAddress | null = null
  private lastInterface = 0
  private lastText = ''
  private readonly hasZones: boolean

  /** With `hasZones`, as where there are several interfaces, link-local addresses have theirs. */
  constructor(hasZones: boolean) {
    this.hasZones = hasZones
  }

  format(address: IpAddress, interfaceIndex: number): string {
    if (
      this.lastAddress === null ||
      this.lastInterface !== interfaceIndex ||
      !isSameAddress(this.lastAddress, address)
    ) {
      this.lastAddress = copyOfAddress(address)
      this.lastInterface = interfaceIndex
      this.lastText = formatZoned(address, this.hasZones ? interfaceIndex : null)
    }
    return this.lastText
  }

  /** Null when the text is no address. */
  parse(text: string): Endpoint | null {
    const { lastAddress: address } = this
    if (text !== this.lastText || address === null) return parseEndpoint(text)
    const isZoned = this.hasZones && isLinkLocal(address)
    return { address, interfaceIndex: isZoned ? this.lastInterface : undefined }
  }
}

/** With the zone of a link-local IPv6 address, where there are any. */
export function formatZoned(address: IpAddress, zone: number | null): string {
  const text = formatIpAddress(address)
  return zone === null || address.version === 4 || !isLinkLocal(address) ? text : `${text}%${zone}`
}
