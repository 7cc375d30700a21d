/** Whom the SNTP client asks, of all that leases name. */
import { describe, expect, it } from 'vitest'
import { serversOfLeases } from '../../../../kernel/clock/open-ntp.ts'

describe('the NTP servers of leases', () => {
  const named = (...ntpServers: string[]) => ({ lease: { ntpServers } })

  it('are those of the first interface that names any: a second network has no vote', () => {
    expect(serversOfLeases([named('a'), named('b', 'c', 'd')])).toEqual(['a'])
  })

  it("are the next one's while the first has no lease, or one that names none", () => {
    expect(serversOfLeases([{ lease: null }, named(), named('b', 'c')])).toEqual(['b', 'c'])
    expect(serversOfLeases([{ lease: null }, named()])).toEqual([])
  })
})
