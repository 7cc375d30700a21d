/**
 * DHCP over a link that loses frames, for a day of virtual time: the guest always comes to an
 * address, and keeps it.
 */
import { describe, expect, it } from 'vitest'
import { LEASED_IPV4 } from '../fakes/strict-dhcp-server.ts'
import { DhcpLab } from '../support/dhcp-lab.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe.each([1, 2, 3, 4, 5, 6])('seed %i', (seed) => {
  it.each([0.01, 0.05, 0.3, 0.6])('comes to an address with %d of all frames lost', (loss) => {
    const lab = new DhcpLab({ seed, loss })
    let waitedMs = 0
    while (lab.addresses.length === 0 && waitedMs < HOUR) {
      lab.run(100)
      waitedMs += 100
    }
    expect(lab.addresses).toEqual([`${LEASED_IPV4}/24`])
    // Two round trips, each of which may fail again and again; an attempt costs a minute at the
    // most.
    expect(waitedMs).toBeLessThan(loss < 0.1 ? 20_000 : loss < 0.5 ? 10 * MINUTE : HOUR)
  })

  it('keeps a lease of two minutes for a day with 5 % lost, and one of an hour with 20 %', () => {
    for (const [leaseSeconds, loss] of [
      [120, 0.05],
      [3_600, 0.2],
    ] as const) {
      const lab = new DhcpLab({ seed, loss })
      lab.server.leaseSeconds = leaseSeconds
      lab.run(10 * MINUTE)
      lab.events.length = 0
      lab.run(24 * HOUR)
      expect(lab.events.filter((kind) => kind === 'expired')).toEqual([])
      expect(lab.addresses).toEqual([`${LEASED_IPV4}/24`])
      // Nothing is said more often than a lease needs.
      expect(lab.server.heard.length).toBeLessThan((24 * 3600 * 8) / leaseSeconds)
    }
  })
})
