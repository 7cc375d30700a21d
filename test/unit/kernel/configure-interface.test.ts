/** What the command line has the interface do, on a link whose MTU may be too small for IPv6. */
import { describe, expect, it } from 'vitest'
import { configureInterface } from '../../../kernel/configure-interface.ts'
import { Logger } from '../../../kernel/logger.ts'
import { NameServers } from '../../../net/iface/name-servers.ts'
import { parseIpAddress } from '../../../net/wire/ip-address-text.ts'

type Given4 = Parameters<typeof configureInterface>
type InterfaceSettings = Given4[2]['interfaces'][number]
type Settings = InterfaceSettings['ip']

interface Given {
  ip?: Settings
  dns?: InterfaceSettings['dns']
  search?: readonly string[]
  nameServers?: NameServers
}

function configure(maxTransmissionUnit: number, ip6: Settings, given: Given = {}) {
  const { ip = { kind: 'off' }, dns = [], search = [], nameServers = new NameServers() } = given
  const lines: string[] = []
  const added: string[] = []
  const stack = {
    host: {
      interfaces: [
        {
          nameServers,
          device: { capabilities: { maxTransmissionUnit } },
          addLinkLocalAddress: () => added.push('link-local'),
          addAddress: () => added.push('static'),
          addDefaultRoute: () => added.push('route'),
        },
      ],
    },
    configure({ dhcp, identifierOf }: { dhcp: boolean; identifierOf: unknown }) {
      if (dhcp) added.push('dhcp')
      if (identifierOf !== null) added.push('slaac')
    },
  }
  const log = new Logger('net', 'info', { write: (text) => lines.push(text), nowNs: () => 0 })
  const options = { interfaces: [{ ip, ip6, dns, search }] }
  configureInterface(stack as unknown as Given4[0], 0, options, () => (message) => message, 0, log)
  return { lines, added }
}

const STATIC = {
  kind: 'static',
  address: parseIpAddress('fd00::2')!,
  prefixLength: 64,
  gateway: parseIpAddress('fd00::1')!,
} as const

describe('IPv6', () => {
  it('is there from an MTU of 1280 on (RFC 8200 §5)', () => {
    expect(configure(1280, STATIC)).toMatchObject({
      added: ['link-local', 'static', 'route'],
      lines: [],
    })
  })

  it.each([STATIC, { kind: 'automatic' } as const])(
    'is left out below, link-local addresses included, in one line with the next step',
    (ip6) => {
      const { added, lines } = configure(1279, ip6)
      expect(added).toEqual([])
      expect(lines).toEqual([
        expect.stringMatching(/MTU of 1279 is below 1280.* no IPv6: give it host_mtu=1280 or more/),
      ])
    },
  )

  it('that is off is not missed', () => {
    expect(configure(68, { kind: 'off' })).toEqual({ added: [], lines: [] })
  })
})

describe('automatic configuration', () => {
  const automatic = { kind: 'automatic' } as const
  it('is asked for by family, and not at all where addresses are given', () => {
    expect(configure(1500, automatic, { ip: automatic }).added).toEqual([
      'link-local',
      'dhcp',
      'slaac',
    ])
    expect(configure(1500, STATIC, { ip: automatic }).added).toEqual([
      ...['link-local', 'static', 'route', 'dhcp'],
    ])
    expect(configure(1500, STATIC).added).not.toContain('dhcp')
    expect(configure(1279, automatic, { ip: automatic }).added).toEqual(['dhcp'])
  })
})

it('the domains of search= are there without dns=, too', () => {
  const nameServers = new NameServers()
  configure(1500, { kind: 'off' }, { nameServers, search: ['Lab.Example', 'lan'] })
  expect(nameServers.search).toEqual(['lab.example', 'lan'])
})

it('the servers of dns= are asked for names', () => {
  const nameServers = new NameServers()
  const dns = [parseIpAddress('10.0.2.3')!, parseIpAddress('fd00::3')!]
  expect(configure(1500, { kind: 'off' }, { nameServers, dns }).lines).toEqual([])
  expect(nameServers.nameservers).toEqual(dns)
})
