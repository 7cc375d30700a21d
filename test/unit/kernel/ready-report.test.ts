/** The ready event, field by field as kernel/README.md names them. */
import { describe, expect, it } from 'vitest'
import { Logger } from '../../../kernel/logger.ts'
import { logNetwork, type NetworkReport, readyFields } from '../../../kernel/ready-report.ts'

const NETWORK: NetworkReport = {
  device: {
    pciAddress: '0000:00:02.0',
    offered: ['CSUM', 'CTRL_VQ'],
    negotiated: ['CSUM'],
    refused: { CTRL_VQ: 'not used by this driver' },
    interruptMode: 'msix',
    queuePairs: 2,
    offeredQueuePairs: 8,
  },
  capabilities: {
    maxTransmissionUnit: 1500,
    checksum: { ipv4: 3, tcp: 0, udp: 1, icmpv4: 3, icmpv6: 2 },
    segmentation: { tcpv4: 65535 },
  },
  hardwareAddress: new Uint8Array([0x52, 0x54, 0, 0x12, 0x34, 0x0f]),
  addresses: ['10.9.0.2/24'],
}

describe('readyFields', () => {
  it('says what was negotiated', () => {
    const stages = [
      ['entry', 0],
      ['ready', 5],
    ] as const
    expect(
      JSON.stringify(readyFields(stages, [NETWORK], null, [{ port: 80, protocol: 'tcp' }])),
    ).toBe(
      '{"bootNs":{"entry":0,"ready":5},"pci":"00:02.0",' +
        '"features":{"offered":["CSUM","CTRL_VQ"],"negotiated":["CSUM"],"refused":{"CTRL_VQ":"not used by this driver"}},' +
        '"segmentation":{"tcpv4":65535},' +
        '"checksum":{"ipv4":"both","tcp":"none","udp":"receive","icmpv4":"both","icmpv6":"transmit"},' +
        '"mac":"52:54:00:12:34:0f","mtu":1500,"queuePairs":2,"addresses":["10.9.0.2/24"],' +
        '"listening":[{"port":80,"protocol":"tcp"}],' +
        '"network":{"pci":"00:02.0","mac":"52:54:00:12:34:0f","mtu":1500,"addresses":["10.9.0.2/24"]},' +
        '"interfaces":[{"index":0,"pci":"00:02.0",' +
        '"features":{"offered":["CSUM","CTRL_VQ"],"negotiated":["CSUM"],"refused":{"CTRL_VQ":"not used by this driver"}},' +
        '"segmentation":{"tcpv4":65535},' +
        '"checksum":{"ipv4":"both","tcp":"none","udp":"receive","icmpv4":"both","icmpv6":"transmit"},' +
        '"mac":"52:54:00:12:34:0f","mtu":1500,"queuePairs":2,"addresses":["10.9.0.2/24"]}],' +
        '"noNetwork":null}',
    )
  })

  it('has the same fields without a network', () => {
    const problem = { reason: 'no-entropy', message: 'no source of randomness' } as const
    const without = readyFields([], [], problem, [])
    expect(Object.keys(without)).toEqual(Object.keys(readyFields([], [NETWORK], null, [])))
    expect(without).toMatchObject({ pci: null, mac: null, addresses: [], segmentation: {} })
    expect(without).toMatchObject({ network: null, interfaces: [], noNetwork: problem })
  })

  it('has all interfaces, and the first at the top', () => {
    const other = { ...NETWORK, addresses: ['10.8.0.2/24'] }
    const fields = readyFields([], [NETWORK, other], null, [])
    expect(fields.addresses).toEqual(NETWORK.addresses)
    expect(fields.interfaces).toMatchObject([
      { index: 0, addresses: NETWORK.addresses },
      { index: 1, addresses: ['10.8.0.2/24'] },
    ])
  })
})

describe('logNetwork', () => {
  const print = (network: NetworkReport, level: 'info' | 'debug') => {
    const lines: string[] = []
    logNetwork(
      new Logger('net', level, { write: (text) => lines.push(text), nowNs: () => 0 }),
      network,
    )
    return lines.map((line) => line.slice(line.indexOf('net: ') + 5, -1))
  }

  it('says in three lines who does the segmentation', () => {
    expect(print(NETWORK, 'info')).toEqual([
      'virtio-net 00:02.0 52:54:00:12:34:0f, MTU 1500, msix interrupts, 2 of 8 pairs of queues',
      'negotiated CSUM',
      'segmentation by the device: tcpv4 65535, tcpv6 off, udp off; addresses 10.9.0.2/24',
    ])
    const plain = { ...NETWORK, capabilities: { ...NETWORK.capabilities, segmentation: {} } }
    expect(print(plain, 'info')[2]).toContain('segmentation by software: tcpv4 off, tcpv6 off')
  })

  it('adds the reason for each refused feature at level debug', () => {
    expect(print(NETWORK, 'debug')[3]).toBe('CTRL_VQ: not used by this driver')
  })
})
