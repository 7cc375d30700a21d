/** IP addresses: classes, order, text (RFC 4291, RFC 5952). */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as ip from '../../../../net/wire/ip-address.ts'
import { formatIpAddress, parseIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { ipAddress } from '../../../support/arbitraries.ts'

function address(text: string): ip.IpAddress {
  const parsed = parseIpAddress(text)
  if (parsed === null) throw new Error(`Cannot parse ${text}`)
  return parsed
}

describe('text', () => {
  it('parses what it formats', () => {
    fc.assert(
      fc.property(ipAddress, (value) => {
        expect(parseIpAddress(formatIpAddress(value))).toEqual(value)
      }),
      { numRuns: 5000 },
    )
  })

  it.each([
    ['2001:db8:0:0:0:0:2:1', '2001:db8::2:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['1::', '1::'],
    ['::FFFF:1.2.3.4', '::ffff:1.2.3.4'],
    ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
    ['255.255.255.255', '255.255.255.255'],
  ])('formats %s as %s (RFC 5952 §4)', (text, canonical) => {
    expect(formatIpAddress(address(text))).toBe(canonical)
  })

  it.each([
    ...['', '1', '1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '1e1.0.0.0', '1..2.3'],
    ...[':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '12345::', 'g::', '::1%eth0'],
    ...[
      '1:2:3:4:5:6:7::8',
      '::1/64',
      '1.2.3.4::',
      '::1.2.3',
      '::01.2.3.4',
      '[::1]',
      ':1::',
      '::1:',
    ],
  ])('refuses %j', (text) => {
    expect(parseIpAddress(text)).toBeNull()
  })
})

describe('classes', () => {
  it.each([
    ['0.0.0.0', 'isUnspecified'],
    ['::', 'isUnspecified'],
    ['127.9.9.9', 'isLoopback'],
    ['::1', 'isLoopback'],
    ['239.255.255.255', 'isMulticast'],
    ['ff02::1', 'isMulticast'],
    ['169.254.1.1', 'isLinkLocal'],
    ['febf::1', 'isLinkLocal'],
    ['fd00::1', 'isUniqueLocal'],
    ['::ffff:1.2.3.4', 'isIpv4Mapped'],
    ['255.255.255.255', 'isLimitedBroadcast'],
  ] as const)('%s %s and nothing else of these', (text, expected) => {
    const predicates = {
      isUnspecified: ip.isUnspecified,
      isLoopback: ip.isLoopback,
      isMulticast: ip.isMulticast,
      isLinkLocal: ip.isLinkLocal,
      isUniqueLocal: ip.isUniqueLocal,
      isIpv4Mapped: ip.isIpv4Mapped,
      isLimitedBroadcast: ip.isLimitedBroadcast,
    }
    const matching = Object.entries(predicates).filter(([, holds]) => holds(address(text)))
    expect(matching.map(([name]) => name)).toEqual([expected])
  })

  it('calls unicast what names one host', () => {
    for (const text of ['10.0.0.1', '2001:db8::1', 'fe80::1']) {
      expect(ip.isUnicast(address(text))).toBe(true)
    }
    for (const text of ['0.0.0.0', '224.0.0.1', '255.255.255.255', '240.0.0.1', '::', 'ff05::1']) {
      expect(ip.isUnicast(address(text))).toBe(false)
    }
  })

  it('derives the solicited-node address (RFC 4291 §2.7.1)', () => {
    const solicited = ip.solicitedNodeAddress(address('4037::1:800:200e:8c6c'))
    expect(formatIpAddress(solicited)).toBe('ff02::1:ff0e:8c6c')
  })
})

it('orders by family, then unsigned value', () => {
  const sorted = ['10.0.0.1', '200.0.0.1', '::1', '::f000:0:0:1', '8000::'].map(address)
  const shuffled = [sorted[3]!, sorted[1]!, sorted[4]!, sorted[0]!, sorted[2]!]
  expect(shuffled.sort(ip.compareAddresses)).toEqual(sorted)
  expect(ip.isSameAddress(address('::1'), ip.IPV6_LOOPBACK)).toBe(true)
  expect(ip.isSameAddress(ip.ipv4Address(1), ip.ipv6Address(0, 0, 0, 1))).toBe(false)
})

it('reads back from memory what it wrote', () => {
  fc.assert(
    fc.property(ipAddress, (value) => {
      const view = new DataView(new ArrayBuffer(20))
      ip.emitIpAddress(view, 3, value)
      expect(ip.readIpAddress(view, 3, value.version)).toEqual(value)
    }),
  )
})
