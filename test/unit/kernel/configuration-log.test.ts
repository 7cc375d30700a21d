/**
 * What servers and routers do to the guest's addresses, in lines for people and events for
 * machines.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { ConfigurationLog } from '../../../kernel/configuration-log.ts'
import { Logger } from '../../../kernel/logger.ts'
import type { ConfigurationEvent } from '../../../net/api/configuration-event.ts'

let lines: string[]
let events: [string, unknown][]
let told: ConfigurationLog

beforeEach(() => {
  lines = []
  events = []
  const log = new Logger('net', 'debug', { write: (text) => lines.push(text), nowNs: () => 0 })
  told = new ConfigurationLog(log, { emit: (...event) => events.push(event) }, () => [
    '10.0.0.9/24',
  ])
})

const ADDRESS = { address: '2001:db8::9/64', origin: 'slaac' } as const
const LEASE = {
  ...{ address: '10.0.0.9/24', server: '10.0.0.1', leaseSeconds: 3600, gateways: ['10.0.0.1'] },
} as const

describe('each change', () => {
  it.each([
    [{ kind: 'added', ...ADDRESS }, "2001:db8::9/64 by a router's prefix"],
    [{ kind: 'removed', ...ADDRESS }, '2001:db8::9/64 is gone: connections on it are over'],
    [{ kind: 'deprecated', ...ADDRESS }, '2001:db8::9/64 is deprecated'],
    [{ kind: 'duplicate', ...ADDRESS }, "2001:db8::9/64 is somebody else's on this link: not used"],
    [{ kind: 'bound', ...LEASE }, '10.0.0.9/24 by DHCP from 10.0.0.1 for 3600 s, gateway 10.0.0.1'],
    [
      { kind: 'bound', ...LEASE, leaseSeconds: Number.POSITIVE_INFINITY, gateways: [] },
      'for ever, no gateway',
    ],
    [{ kind: 'renewed', ...LEASE }, '10.0.0.1 renews 10.0.0.9/24 for 3600 s'],
    [
      { kind: 'rebinding', ...LEASE },
      '10.0.0.1 does not renew 10.0.0.9/24: every DHCP server is asked',
    ],
    [{ kind: 'expired', ...LEASE }, 'the lease of 10.0.0.9/24 is over'],
    [{ kind: 'refused', ...LEASE }, 'DHCP server 10.0.0.1 refuses 10.0.0.9/24: begins anew'],
    [
      { kind: 'declined', ...LEASE },
      "10.0.0.9/24 of DHCP server 10.0.0.1 is somebody else's: declined",
    ],
  ] as [ConfigurationEvent, string][])('%j is one line', (event, line) => {
    told.tell(event)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain(line)
  })

  it('of addresses is an event once the guest is ready, with all that are left', () => {
    told.tell({ kind: 'added', ...ADDRESS })
    expect(events).toEqual([])
    told.isReady = true
    told.tell({ kind: 'removed', ...ADDRESS })
    told.tell({ kind: 'bound', ...LEASE })
    expect(events).toEqual([['addresses', { addresses: ['10.0.0.9/24'] }]])
  })

  it('of a leased address has its line from the lease alone', () => {
    told.tell({ kind: 'added', address: '10.0.0.9/24', origin: 'dhcp' })
    expect(lines).toEqual([])
  })
})
