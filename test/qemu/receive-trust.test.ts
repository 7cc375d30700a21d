/**
 * Receive checksum offload is per packet (virtio §5.1.6.4): frames without flags are verified,
 * though others are vouched for.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeFrame } from 'qemu-runner'
import { expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { tcp } from './support/frames.ts'
import { GUEST_HOST, GUEST_SOURCE } from './support/guest-addresses.ts'
import type { Site } from './support/site.ts'
import { expectDownload, expectUpload } from './support/transfer.ts'

const SYN = 0x02
const DUPLICATE_DETECTION_MS = 2000

test.override('guest', { ...GUEST, network: 'direct' })

/**
 * Puts a frame on the TAP through a packet socket: it carries no offload flags, unlike the host's
 * own.
 */
async function inject(site: Site, frame: Buffer): Promise<void> {
  const path = join(site.folder, 'frame.bin')
  writeFileSync(path, frame)
  await site.topology.near.run(['socat', '-u', `OPEN:${path}`, 'INTERFACE:tap0'])
}

test('verifies an unflagged frame although GUEST_CSUM is negotiated and the host’s frames are trusted', async ({
  site,
}) => {
  const { ready } = await site.boot()
  expect(ready.features.negotiated).toContain('GUEST_CSUM')
  // The senders' addresses are the host's own, so that it answers when the guest looks for them.
  await site.topology.near.script(`
ip addr add 10.0.0.9/32 dev tap0
ip addr add fd00::9/128 dev tap0 nodad
`)
  const syn = { destinationPort: 7, sequence: 1, flags: SYN }
  const { frames } = await site.capture([site.topology.tap], async () => {
    await expectUpload(site.peer, { host: GUEST_HOST[4] }, 1 << 20)
    // The guest asks no neighbor before it is sure that its IPv6 addresses are its own (RFC 4862
    // §5.4).
    await delay(DUPLICATE_DETECTION_MS)
    await inject(site, tcp({ ...syn, sourcePort: 50_001, spoilChecksum: 0x0100 }))
    await inject(site, tcp({ ...syn, sourcePort: 50_002 }))
    await inject(site, tcp({ ...syn, family: 6, sourcePort: 50_003, spoilChecksum: 0x0100 }))
    await inject(site, tcp({ ...syn, family: 6, sourcePort: 50_004 }))
    await expectDownload(site.peer, { host: GUEST_HOST[4] }, 1 << 20)
  })
  const answered = frames[0]!
    .map(decodeFrame)
    .filter(({ ip, tcp: segment }) => segment?.syn === true && isGuest(ip?.source))
    .map(({ tcp: segment }) => segment!.destinationPort)
  expect(answered).toEqual(expect.arrayContaining([50_002, 50_004]))
  expect(answered).not.toContain(50_001)
  expect(answered).not.toContain(50_003)
})

function isGuest(address: string | undefined): boolean {
  return Object.values<string | undefined>(GUEST_SOURCE).includes(address)
}
