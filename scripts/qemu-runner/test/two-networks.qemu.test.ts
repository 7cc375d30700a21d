/** Two networks for one guest: a Linux host on each, alike but for what it has an address for. */
import { expect, it } from 'vitest'
import { ANYWHERE, FAR_LINK_LOCAL, TwoNetworks } from '../src/index.ts'

it('is two TAPs in one namespace, and hosts that share link-local and far addresses', async () => {
  const two = await TwoNetworks.create()
  try {
    const links = await two.near.script('ip -br link')
    for (const { tap } of two.networks) expect(links).toMatch(new RegExp(`^${tap} `, 'm'))
    expect(two.devices().map((device) => device.kind)).toEqual(['tap', 'tap'])
    expect(two.devices('mmio')[1]).toMatchObject({ interfaceName: 'tap1' })
    for (const { far, peer, peer4, peer6 } of two.networks) {
      const addresses = await far.script('ip -br addr')
      for (const address of [peer4, peer6, ANYWHERE, FAR_LINK_LOCAL]) {
        expect(addresses).toContain(`${address}/`)
      }
      // The peer's programs run there.
      await peer.request('serve-pattern', { host: peer4, port: 8080 })
      expect(await far.script('ss -ltn')).toContain(`${peer4}:8080`)
    }
  } finally {
    await two.close()
  }
})
