/**
 * The guest on a LAN that is this process: a host of the project's own stack in Node, frames lost,
 * doubled, swapped and damaged by seed.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Lan, parsePcap, requireExecutable } from 'qemu-runner'
import type { GuestOptions } from 'qemu-runner/vitest'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { test as base, GUEST } from './support/fixtures.ts'
import { runCommand } from './support/gdb-session.ts'
import { LanHost } from './support/lan-host.ts'
import { awaitReady } from './support/site.ts'

const ECHO = 7
const BYTES = 200_000

base.override('guest', {
  ...GUEST,
  network: 'lan',
  append: { ip: '10.0.0.2/24', ip6: 'fd00::2/64' },
  entropyDevice: true,
  ready: awaitReady,
})

const test = base.extend<{ host: LanHost }>({
  host: async ({ lan }, use) => {
    const host = new LanHost(lan, { addresses: ['10.0.0.1/24', 'fd00::1/64'] })
    await use(host)
    host.close()
  },
})

const SECOND: GuestOptions = { append: { ip: '10.0.0.3/24', ip6: 'fd00::3/64' } }

/**
 * Sends random bytes to the echo service at `hostname` and takes back as many: both directions at
 * once.
 */
async function echo(host: LanHost, hostname: string, length = BYTES): Promise<{ equal: boolean }> {
  const stream = await host.stack.connect({ hostname, port: ECHO })
  const sent = randomBytes(length)
  const received = Buffer.alloc(length)
  const writing = stream.write(sent).then(() => stream.closeWrite())
  let count = 0
  const chunk = new Uint8Array(65536)
  for (;;) {
    const taken = await stream.read(chunk)
    if (taken === null) break
    received.set(chunk.subarray(0, taken), count)
    count += taken
  }
  await writing
  stream.close()
  return { equal: count === length && received.equals(sent) }
}

/** Another program's reading of a capture: one row a frame, with direction and comment. */
async function readComments(path: string): Promise<string[]> {
  const fields = ['frame.number', 'frame.packet_flags_direction', 'frame.comment']
  const rows = await runCommand([
    requireExecutable('tshark'),
    ...['-r', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
  ])
  return rows.split('\n').filter((line) => /^\d+\t/.test(line))
}

/** ARP has no checksum: a flipped bit would give a neighbor a wrong address. */
const isNoArp = (frame: Buffer): boolean => frame.readUInt16BE(12) !== 0x0806

describe('one guest', () => {
  test.for([
    ['IPv4', '10.0.0.2'],
    ['IPv6', 'fd00::2'],
  ] as const)(
    'moves equal bytes both ways over %s while frames are lost, doubled, swapped and damaged',
    async ([, guest], { vm, lan, host, folder }) => {
      expect(vm.exit).toBeUndefined()
      const impairment = lan.impair({
        seed: 20_260_101,
        loss: 0.02,
        duplication: 0.02,
        reordering: { probability: 0.05, holdMs: 20 },
        corruption: 0.01,
        delay: { ms: 1, jitterMs: 1, probability: 0.5 },
        match: isNoArp,
      })
      expect(await echo(host, guest)).toEqual({ equal: true })
      for (const counters of Object.values(impairment.counters)) {
        expect(counters.matched).toBeGreaterThan(100)
        for (const effect of ['lost', 'duplicated', 'reordered', 'corrupted', 'delayed'] as const) {
          expect([effect, counters[effect]]).not.toEqual([effect, 0])
        }
      }
      const path = join(folder, 'lan.pcap')
      const pcapng = join(folder, 'lan.pcapng')
      // Both at once: neighbors go on talking.
      const crossed = lan.frames.length
      await Promise.all([lan.writePcap(path), lan.writePcapng(pcapng)])
      expect(parsePcap(readFileSync(path))).toHaveLength(crossed)
      const rows = await readComments(pcapng)
      expect(rows).toHaveLength(crossed)
      for (const note of ['duplicate', 'held back for', 'flipped', 'delayed by']) {
        expect(rows.filter((row) => row.includes(note)).length, note).toBeGreaterThan(0)
      }
    },
  )
})

describe('several guests', () => {
  /** What went to a guest though its destination is another's address. */
  function astray(lan: Lan): string[] {
    const macs = ['525400123456', '525400123457']
    return lan.frames
      .filter(({ direction }) => direction === 'to-guest')
      .map(({ port, bytes }) => `${port} ${bytes.toString('hex', 0, 6)}`)
      .filter((text) => macs.some((mac, port) => text.endsWith(mac) && text !== `${port} ${mac}`))
  }

  test('are on one switch: each is reached, and hears only what is for it', async ({
    vm,
    launchGuest,
    lan,
    host,
  }) => {
    const second = await launchGuest(SECOND)
    expect(await Promise.all([echo(host, '10.0.0.2'), echo(host, '10.0.0.3')])).toEqual([
      { equal: true },
      { equal: true },
    ])
    expect(astray(lan)).toEqual([])
    await Promise.all([vm.close(), second.close()])
    expect(lan.guestCount).toBe(0)
  })

  test('talk to each other, with nobody else on the LAN', async ({ vm, launchGuest, lan }) => {
    const visiting = await launchGuest({ ...SECOND, initrd: await buildApp('visits.ts') })
    await visiting.console.expect('visited 10.0.0.2: 65536 octets', { from: 'start' })
    await visiting.console.expect('visited fd00::2: 65536 octets', { from: 'start' })
    expect(vm.exit).toBeUndefined()
    expect(astray(lan)).toEqual([])
  })
})
