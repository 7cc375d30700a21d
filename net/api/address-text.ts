/** Addresses as applications write and read them. */
import { copyOfAddress, type IpAddress, isSameAddress } from '../wire/ip-address.ts'
import { formatIpAddress, parseIpAddress } from '../wire/ip-address-text.ts'
import { NetError } from './net-error.ts'

/** Throws NetError 'unreachable' when the text is no address. */
export function requireAddress(text: string): IpAddress {
  const address = parseIpAddress(text)
  if (address === null) {
    throw new NetError('unreachable', `Cannot resolve "${text}": not an address`)
  }
  return address
}

/** The text of addresses that come one after the other and are often the same. */
export class AddressText {
  private lastAddress: IpAddress | null = null
  private lastText = ''

  format(address: IpAddress): string {
    if (this.lastAddress === null || !isSameAddress(this.lastAddress, address)) {
      this.lastAddress = copyOfAddress(address)
      this.lastText = formatIpAddress(address)
    }
    return this.lastText
  }

  /** Null when the text is no address. */
  parse(text: string): IpAddress | null {
    if (text === this.lastText && this.lastAddress !== null) return this.lastAddress
    const address = parseIpAddress(text)
    if (address === null) return null
    // Only the form that format gives, so that an app's own spelling never comes back to it.
    if (formatIpAddress(address) === text) {
      this.lastText = text
      this.lastAddress = address
    }
    return address
  }
}
