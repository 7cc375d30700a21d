/** Address prefixes and hardware addresses. */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import * as cidr from '../../../../net/wire/cidr.ts'
import type { IpAddress } from '../../../../net/wire/ip-address.ts'
import * as mac from '../../../../net/wire/mac-address.ts'
import {
  hardwareAddress,
  int32,
  ipAddress,
  ipv4,
  ipv6,
  uint16,
} from '../../../support/arbitraries.ts'

function bitsOf(address: IpAddress): string {
  const words = [address.word0, address.word1, address.word2, address.word3]
  const bits = words.map((word) => (word >>> 0).toString(2).padStart(32, '0')).join('')
  return address.version === 4 ? bits.slice(96) : bits
}

it('parses what it formats', () => {
  fc.assert(
    fc.property(ipAddress, fc.nat({ max: 128 }), (address, length) => {
      const value = { address, prefixLength: Math.min(length, address.version === 4 ? 32 : 128) }
      expect(cidr.parseCidr(cidr.formatCidr(value))).toEqual(value)
    }),
  )
})

it.each([
  '10.0.0.1',
  '10.0.0.1/',
  '10.0.0.1/33',
  '::/129',
  '10.0.0.1/08',
  '::1/-1',
  '/8',
  '::1/6 4',
])('refuses %j', (text) => {
  expect(cidr.parseCidr(text)).toBeNull()
})

it.each([
  ['IPv4', fc.tuple(ipv4, ipv4)],
  ['IPv6', fc.tuple(ipv6, ipv6)],
] as const)('matches prefixes of %s as their bits do', (_name, pair) => {
  fc.assert(
    fc.property(pair, fc.nat({ max: 128 }), fc.nat({ max: 127 }), ([a, b], limit, flip) => {
      const width = a.version === 4 ? 32 : 128
      const length = Math.min(limit, width)
      // Also a neighbor that differs in one bit only: random pairs share few leading bits.
      const words = [a.word0, a.word1, a.word2, a.word3]
      const bit = flip % width
      const index = a.version === 4 ? 3 : bit >> 5
      words[index] = words[index]! ^ (1 << (31 - (bit & 31)))
      const near: IpAddress = {
        version: a.version,
        word0: words[0]!,
        word1: words[1]!,
        word2: words[2]!,
        word3: words[3]!,
      }
      for (const other of [b, near, a]) {
        let common = 0
        while (common < width && bitsOf(a)[common] === bitsOf(other)[common]) common++
        expect(cidr.commonPrefixLength(a, other)).toBe(common)
        expect(cidr.isInPrefix(a, other, length)).toBe(length <= common)
      }
    }),
    { numRuns: 1000 },
  )
})

it('keeps families apart', () => {
  const [a, b] = [cidr.parseCidr('10.0.0.1/0')!.address, cidr.parseCidr('::/0')!.address]
  expect(cidr.isInPrefix(a, b, 0)).toBe(false)
  expect(cidr.commonPrefixLength(a, b)).toBe(0)
})

it.each([
  ['10.1.2.3/8', 0x0affffff],
  ['10.1.2.3/24', 0x0a0102ff],
  ['10.1.2.3/30', 0x0a010203],
  ['10.1.2.3/31', 0],
  ['10.1.2.3/32', 0],
  ['::/64', 0],
])('%s has directed broadcast 0x%s (RFC 3021)', (text, word) => {
  expect(cidr.broadcastWord(cidr.parseCidr(text)!) >>> 0).toBe(word)
})

it('formats and parses hardware addresses', () => {
  fc.assert(
    fc.property(hardwareAddress, uint16, int32, (bytes, high, low) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset, 6)
      const text = mac.formatHardwareAddress(
        mac.readHardwareHigh(view, 0),
        mac.readHardwareLow(view, 0),
      )
      expect(text).toMatch(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/)
      expect(mac.parseHardwareAddress(text)).toEqual(bytes)
      mac.emitHardwareAddress(view, 0, high, low)
      expect([mac.readHardwareHigh(view, 0), mac.readHardwareLow(view, 0)]).toEqual([high, low])
    }),
  )
  for (const text of [
    '',
    '1:2:3:4:5:6',
    '00:00:00:00:00',
    '00-00-00-00-00-00',
    '00:00:00:00:00:0g',
  ]) {
    expect(mac.parseHardwareAddress(text)).toBeNull()
  }
})

it('knows which addresses a host of a prefix can have (RFC 1122 §3.2.1.3, RFC 3021)', () => {
  const isHost = (text: string) => cidr.isHostAddress(cidr.parseCidr(text)!)
  for (const text of ['10.0.0.1/24', '10.0.0.254/24', '10.0.0.0/31', '10.0.0.255/32', 'fd00::/64'])
    expect([text, isHost(text)]).toEqual([text, true])
  for (const text of ['10.0.0.0/24', '10.0.0.255/24', '10.0.3.255/22', '255.255.255.255/32'])
    expect([text, isHost(text)]).toEqual([text, false])
  for (const text of ['127.0.0.1/8', '224.0.0.1/24', '0.0.0.0/0', '::1/128', '::/64', 'ff02::1/64'])
    expect([text, isHost(text)]).toEqual([text, false])
})

it('tells stations from groups', () => {
  expect(mac.isStationHardwareAddress(0x5254, 0)).toBe(true)
  expect(mac.isStationHardwareAddress(0, 0)).toBe(false)
  expect(mac.isStationHardwareAddress(0x0100, 5)).toBe(false)
  expect(mac.isGroupHardwareAddress(mac.BROADCAST_HIGH)).toBe(true)
})
