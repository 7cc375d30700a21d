/**
 * Source addresses by the rules of RFC 6724 §5, scopes and policy table; default routers that do
 * not answer (RFC 4861 §6.3.6).
 */
import { describe, expect, it } from 'vitest'
import { AddressState, AddressTable } from '../../../../net/iface/address-table.ts'
import { labelOf, scopeOf } from '../../../../net/wire/address-policy.ts'
import { parseCidr } from '../../../../net/wire/cidr.ts'
import { formatIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { arpReply, harness, open, send, setUpHarness } from '../../../support/flow-lab.ts'
import { mac } from '../../../support/frames.ts'
import { address, GATEWAY_IPV4, GATEWAY_MAC } from '../../../support/interface-harness.ts'

const { Preferred, Deprecated, Optimistic } = AddressState

function sourceFor(
  entries: readonly (string | [string, AddressState])[],
  destination: string,
  nextHop: string | null = null,
): string | null {
  const table = new AddressTable()
  for (const entry of entries) {
    const [text, state] = typeof entry === 'string' ? [entry, Preferred] : entry
    table.add(parseCidr(text)!, 'static', state)
  }
  const hop = nextHop === null ? null : address(nextHop)
  const source = table.selectSource(address(destination), hop)
  return source === null ? null : formatIpAddress(source)
}

describe('the source of a packet', () => {
  // RFC 6724 §10.1, but for home and temporary addresses.
  it.each<[string, string, (string | [string, AddressState])[], string | null]>([
    [
      'rule 1: the destination itself',
      '2001:db8:1::1',
      ['2001:db8:3::1/64', '2001:db8:1::1/64'],
      '2001:db8:1::1',
    ],
    [
      'rule 2: a scope that reaches',
      '2001:db8:1::1',
      ['fe80::1/64', '2001:db8:3::1/64'],
      '2001:db8:3::1',
    ],
    ['rule 2: and none that only reaches the link', '2001:db8:1::1', ['fe80::1/64'], null],
    [
      'rule 2: link-local for a group of the link',
      'ff02::1',
      ['2001:db8:3::1/64', 'fe80::1/64'],
      'fe80::1',
    ],
    [
      'rule 2: global for a group of the site',
      'ff05::1',
      ['2001:db8:3::1/64', 'fe80::1/64'],
      '2001:db8:3::1',
    ],
    [
      'rule 2: link-local for a link-local neighbor',
      'fe80::9',
      ['2001:db8:3::1/64', 'fe80::1/64'],
      'fe80::1',
    ],
    [
      'rule 3: no deprecated one',
      '2001:db8:1::1',
      [['2001:db8:1::2/64', Deprecated], '2001:db8:3::1/64'],
      '2001:db8:3::1',
    ],
    [
      'rule 3: unless there is no other',
      '2001:db8:1::1',
      [['2001:db8:1::2/64', Deprecated]],
      '2001:db8:1::2',
    ],
    [
      'RFC 4429: an optimistic one after a preferred one',
      '2001:db8:1::1',
      [['2001:db8:1::2/64', Optimistic], '2001:db8:3::1/64'],
      '2001:db8:3::1',
    ],
    [
      'rule 6: 6to4 for 6to4',
      '2002:c633:6401::1',
      ['2001:db8:1::2/64', '2002:c633:6401:1::7/64'],
      '2002:c633:6401:1::7',
    ],
    [
      'rule 6: unique local for unique local',
      'fd00:1::9',
      ['2001:db8:1::2/64', 'fd00:2::1/64'],
      'fd00:2::1',
    ],
    [
      'rule 6: and not for the world',
      '2a00::9',
      ['fd00:2::1/64', '2001:db8:1::2/64'],
      '2001:db8:1::2',
    ],
    [
      'rule 8: the longest prefix',
      '2001:db8:1::1',
      ['2001:db8:3::2/64', '2001:db8:1::2/64'],
      '2001:db8:1::2',
    ],
    [
      '§2.2: of which what is behind the subnet does not count',
      '2001:db8:1::d5e3:7953:13eb:22e8',
      ['2001:db8:1::d5e3:1/48', '2001:db8:1::d5e3:7953:13eb:22e9/48'],
      '2001:db8:1::d5e3:1',
    ],
  ])('is by %s', (_name, destination, entries, source) => {
    expect(sourceFor(entries, destination)).toBe(source)
  })

  it('is in IPv4 one of the subnet that the next hop is on (RFC 1122 §3.3.4.3)', () => {
    const entries = ['10.0.0.2/24', '192.168.7.2/24', '169.254.9.9/16']
    expect(sourceFor(entries, '192.168.7.9')).toBe('192.168.7.2')
    expect(sourceFor(entries, '10.0.5.9', '192.168.7.1')).toBe('192.168.7.2')
    expect(sourceFor(entries, '10.0.5.9', '10.0.0.1')).toBe('10.0.0.2')
    expect(sourceFor(entries, '169.254.1.1')).toBe('169.254.9.9')
    expect(sourceFor(entries, '224.0.0.251')).toBe('169.254.9.9')
    expect(sourceFor([['10.0.0.2/24', Deprecated], '10.0.0.3/24'], '10.0.0.9')).toBe('10.0.0.3')
  })

  it('knows scopes and the labels of the default policy table (RFC 6724 §2.1, §3)', () => {
    const table: [string, number, number][] = [
      ['::1', 2, 0],
      ['2a00::1', 14, 1],
      ['2001:db8::1', 14, 1],
      ['2001::1', 14, 5],
      ['2002::1', 14, 2],
      ['fd00::1', 14, 13],
      ['fec0::1', 5, 11],
      ['3ffe::1', 14, 12],
      ['::7', 14, 3],
      ['fe80::1', 2, 1],
      ['ff02::1', 2, 1],
      ['ff0e::1', 14, 1],
      ['10.0.0.1', 14, 4],
      ['169.254.0.1', 2, 4],
      ['127.0.0.1', 2, 4],
    ]
    for (const [text, ...expected] of table) {
      expect([text, scopeOf(address(text)), labelOf(address(text))]).toEqual([text, ...expected])
    }
  })
})

describe('a default router that does not answer', () => {
  setUpHarness()
  const SECOND = '10.0.0.3'
  const SECOND_MAC = '52:54:00:00:00:33'
  const anywhere = parseCidr('0.0.0.0/0')!

  /** Sends each half second, answering for these; returns where the last packet went. */
  function run(flow: ReturnType<typeof open>, durationMs: number, alive: Record<string, string>) {
    let destination: number[] | null = null
    for (let step = 0; step < durationMs / 500; step++) {
      harness.advance(500)
      send(flow)
      for (const { bytes } of harness.device.takeSent()) {
        if (bytes[13] === 6) {
          const target = [...bytes.subarray(38, 42)].join('.')
          const hardware = alive[target]
          if (hardware !== undefined) harness.deliver(arpReply(hardware, target))
        } else {
          destination = [...bytes.subarray(0, 6)]
        }
      }
    }
    return destination
  }

  it('is replaced by the next one, and used again once it is back', () => {
    harness.iface.addRoute(anywhere, address(SECOND), 10)
    const flow = open('8.8.8.8')
    const both = { [GATEWAY_IPV4]: GATEWAY_MAC, [SECOND]: SECOND_MAC }
    expect(run(flow, 5_000, both)).toEqual(mac(GATEWAY_MAC))
    expect(run(flow, 60_000, { [SECOND]: SECOND_MAC })).toEqual(mac(SECOND_MAC))
    expect(run(flow, 60_000, both)).toEqual(mac(GATEWAY_MAC))
  })

  it('is the one whatever its metric when the other is gone', () => {
    harness.iface.addRoute(anywhere, address(GATEWAY_IPV4), 20)
    harness.iface.addRoute(anywhere, address(SECOND), 10)
    const both = { [GATEWAY_IPV4]: GATEWAY_MAC, [SECOND]: SECOND_MAC }
    const flow = open('8.8.8.8')
    expect(run(flow, 2_000, both)).toEqual(mac(SECOND_MAC))
    harness.iface.removeRoute(anywhere, address(SECOND))
    expect(run(flow, 2_000, both)).toEqual(mac(GATEWAY_MAC))
    expect(harness.iface.neighbors.lookup(address(SECOND))!.isGateway).toBe(false)
    expect(harness.iface.neighbors.lookup(address(GATEWAY_IPV4))!.isGateway).toBe(true)
  })
})
