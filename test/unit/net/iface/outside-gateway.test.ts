/**
 * A gateway that is on the link but in no prefix of ours, as clouds give it with an address of /32
 * or /128.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { parseCommandLine } from '../../../../kernel/command-line.ts'
import { configureInterface } from '../../../../kernel/configure-interface.ts'
import type { Host } from '../../../../net/iface/host.ts'
import type { Interface } from '../../../../net/iface/interface.ts'
import { withSoftwareOffload } from '../../../../net/phy/software-offload.ts'
import { isHostAddress, isInPrefix } from '../../../../net/wire/cidr.ts'
import { isLinkLocal, isSameAddress } from '../../../../net/wire/ip-address.ts'
import { formatIpAddress, parseIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { FakeDevice, type SentFrame } from '../../../support/fake-device.ts'
import {
  arp,
  be32,
  concat,
  ethernet,
  icmpv4,
  icmpv6,
  ip,
  ipv4,
  ipv6,
  mac,
} from '../../../support/frames.ts'
import {
  address,
  BROADCAST_MAC,
  GATEWAY_MAC,
  hostOf,
  OUR_MAC,
} from '../../../support/interface-harness.ts'
import { testBulk } from '../../../support/memory.ts'

const NOBODY = '00:00:00:00:00:00'
const NOW_MS = 1_000_000

let device: FakeDevice
let host: Host
let iface: Interface

/** What the machine does with this command line, its duplicate detection over. */
function configure(commandLine: string): void {
  const options = parseCommandLine(
    commandLine,
    {
      parse(text, version) {
        const parsed = parseIpAddress(text)
        return parsed?.version === version ? parsed : null
      },
      isHost: (value, prefixLength) => isHostAddress({ address: value, prefixLength }),
      isLinkLocal,
      isSamePrefix: isInPrefix,
      isDomainName: () => true,
      isEqual: isSameAddress,
    },
    [],
  )
  const log = { info() {} } as unknown as Parameters<typeof configureInterface>[5]
  const stack = { host } as Parameters<typeof configureInterface>[0]
  configureInterface(stack, 0, options, () => (message) => message, NOW_MS, log)
  for (let step = 0; step < 5; step++) poll(step * 1_000)
  device.takeSent()
}

beforeEach(() => {
  device = new FakeDevice()
  host = hostOf(withSoftwareOffload(device, testBulk), 7)
  iface = host.interfaces[0]!
})

function poll(elapsedMs: number): SentFrame[] {
  while (host.poll(NOW_MS + elapsedMs)) {}
  return device.takeSent()
}

function deliver(frame: Uint8Array): SentFrame[] {
  device.inject(frame)
  return poll(10_000)
}

describe('IPv4 with /32', () => {
  beforeEach(() => configure('ip=192.0.2.2/32 gateway=192.0.2.1 ip6=off'))

  it('asks for the gateway on the link, and sends to it what is for anybody else', () => {
    const flow = host.egress.openFlow(address('8.8.8.8'), null, 6)!
    expect(formatIpAddress(flow.source)).toBe('192.0.2.2')
    expect(host.egress.prepare(flow, 20, 0, 0, NOW_MS + 10_000)).toBe(false)
    const [question] = poll(10_000)
    expect(question!.bytes).toEqual(
      concat(
        ethernet(BROADCAST_MAC, OUR_MAC, 0x806),
        arp(1, OUR_MAC, '192.0.2.2', NOBODY, '192.0.2.1'),
      ),
    )
    const reply = arp(2, GATEWAY_MAC, '192.0.2.1', OUR_MAC, '192.0.2.2')
    deliver(concat(ethernet(OUR_MAC, GATEWAY_MAC, 0x806), reply))
    expect(host.egress.prepare(flow, 20, 0, 0, NOW_MS + 10_000)).toBe(true)
    expect([...flow.record.header.subarray(0, 6)]).toEqual(mac(GATEWAY_MAC))
  })

  it('learns the gateway when that asks, and nobody who is not on the link', () => {
    const ask = (sender: string) => {
      const question = arp(1, GATEWAY_MAC, sender, NOBODY, '192.0.2.2')
      return deliver(concat(ethernet(BROADCAST_MAC, GATEWAY_MAC, 0x806), question))
    }
    expect(ask('192.0.2.3')).toHaveLength(1)
    expect(iface.neighbors.entries).toHaveLength(0)
    expect(ask('192.0.2.1')).toHaveLength(1)
    expect(iface.neighbors.lookup(address('192.0.2.1'))?.isUsable()).toBe(true)
  })

  it('answers what comes from far through the gateway', () => {
    const packet = ipv4(
      { source: '8.8.8.8', destination: '192.0.2.2', protocol: 1 },
      icmpv4(8, 0, 1),
    )
    expect(deliver(concat(ethernet(OUR_MAC, GATEWAY_MAC, 0x800), packet))).toHaveLength(1)
  })
})

describe('IPv6 with /128', () => {
  const GATEWAY = '2001:db8:f::1'
  beforeEach(() => configure(`ip=off ip6=2001:db8::2/128 gateway6=${GATEWAY}`))

  it('solicits the gateway on the link from its own address, and sends to it what is far', () => {
    const flow = host.egress.openFlow(address('2a00::9'), null, 6)!
    expect(formatIpAddress(flow.source)).toBe('2001:db8::2')
    expect(host.egress.prepare(flow, 20, 0, 0, NOW_MS + 10_000)).toBe(false)
    const [question] = poll(10_000)
    const group = 'ff02::1:ff00:1'
    const body = concat(be32(0), ip(GATEWAY), [1, 1], mac(OUR_MAC))
    const fields = { source: '2001:db8::2', destination: group, nextHeader: 58, hopLimit: 255 }
    expect(question!.bytes).toEqual(
      concat(
        ethernet('33:33:ff:00:00:01', OUR_MAC, 0x86dd),
        ipv6(fields, icmpv6('2001:db8::2', group, 135, 0, body)),
      ),
    )
    const answer = concat(be32(0xe0000000), ip(GATEWAY), [2, 1], mac(GATEWAY_MAC))
    const message = icmpv6(GATEWAY, '2001:db8::2', 136, 0, answer)
    const to = { source: GATEWAY, destination: '2001:db8::2', nextHeader: 58, hopLimit: 255 }
    deliver(concat(ethernet(OUR_MAC, GATEWAY_MAC, 0x86dd), ipv6(to, message)))
    expect(host.egress.prepare(flow, 20, 0, 0, NOW_MS + 10_000)).toBe(true)
    expect([...flow.record.header.subarray(0, 6)]).toEqual(mac(GATEWAY_MAC))
  })
})
