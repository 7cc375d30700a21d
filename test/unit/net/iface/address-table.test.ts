/** Which of our addresses count, and which is used as source (RFC 6724 §5, RFC 4862 §5.5.4). */
import { expect, it } from 'vitest'
import {
  AddressState,
  AddressTable,
  MAX_INTERFACE_ADDRESSES,
} from '../../../../net/iface/address-table.ts'
import { linkLocalAddress } from '../../../../net/iface/interface-identifier.ts'
import { parseCidr } from '../../../../net/wire/cidr.ts'
import { formatIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { address } from '../../../support/interface-harness.ts'

function tableOf(...entries: [string, AddressState?][]): AddressTable {
  const table = new AddressTable()
  for (const [text, state] of entries) {
    table.add(parseCidr(text)!, 'static', state ?? AddressState.Preferred)
  }
  return table
}

function sourceFor(table: AddressTable, destination: string): string | null {
  const source = table.selectSource(address(destination))
  return source === null ? null : formatIpAddress(source)
}

it('uses an address in every state but tentative and duplicate', () => {
  for (const state of Object.values(AddressState)) {
    const table = tableOf(['10.0.0.2/24', state], ['2001:db8::2/64', state])
    const usable = state !== AddressState.Tentative && state !== AddressState.Duplicate
    expect(table.isLocal(address('10.0.0.2'))).toBe(usable)
    expect(table.isLocal(address('2001:db8::2'))).toBe(usable)
    expect(table.isBroadcast(address('10.0.0.255').word3)).toBe(usable)
    expect(sourceFor(table, '10.0.0.9')).toBe(usable ? '10.0.0.2' : null)
    expect(sourceFor(table, '2001:db8::9')).toBe(usable ? '2001:db8::2' : null)
  }
})

it('prefers right scope, then not deprecated, then the longest common prefix', () => {
  const table = tableOf(
    ['fe80::2/64'],
    ['2001:db8:1::2/64', AddressState.Deprecated],
    ['2001:db8:2::2/64'],
    ['2a00::2/64'],
    ['10.0.0.2/8'],
    ['192.168.0.2/16'],
  )
  expect(sourceFor(table, 'fe80::9')).toBe('fe80::2')
  expect(sourceFor(table, 'ff02::1')).toBe('fe80::2')
  expect(sourceFor(table, '2001:db8:1::9')).toBe('2001:db8:2::2')
  expect(sourceFor(table, '2a00::9')).toBe('2a00::2')
  expect(sourceFor(table, 'ff0e::1')).not.toBe('fe80::2')
  expect(sourceFor(table, '192.168.9.9')).toBe('192.168.0.2')
  expect(sourceFor(tableOf(['fe80::2/64']), '2001:db8::9')).toBeNull()
  expect(sourceFor(tableOf(['2001:db8::2/64']), 'fe80::9')).toBe('2001:db8::2')
})

it('is bounded and holds each address once', () => {
  const table = tableOf(['10.0.0.1/24'])
  expect(() => tableOf(['10.0.0.1/24'], ['10.0.0.1/8'])).toThrow('Cannot add address')
  for (let index = 2; index <= MAX_INTERFACE_ADDRESSES; index++) {
    table.add(parseCidr(`10.0.0.${index}/24`)!, 'slaac', AddressState.Preferred)
  }
  expect(() => table.add(parseCidr('10.0.1.1/24')!, 'slaac', AddressState.Preferred)).toThrow(
    `Cannot add address: the interface has ${MAX_INTERFACE_ADDRESSES}`,
  )
  table.remove(table.find(address('10.0.0.1'))!)
  expect(table.isLocal(address('10.0.0.1'))).toBe(false)
})

it('makes the link-local address of a hardware address (RFC 2464 §5)', () => {
  expect(formatIpAddress(linkLocalAddress(0x3456, 0x789abcde | 0))).toBe(
    'fe80::3656:78ff:fe9a:bcde',
  )
  expect(formatIpAddress(linkLocalAddress(0x0200, 0xff000001 | 0))).toBe('fe80::ffff:fe00:1')
})
