/** The guest on a LAN that is this process: a host of the project's own stack in Node, frames lost, doubled, swapped and damaged by seed. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Lan, launch, parsePcap, requireExecutable, type Vm } from 'qemu-runner'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { runCommand } from './support/gdb-session.ts'
import { awaitReady, IMAGE, requireImage, withVm } from './support/guest-site.ts'
import { LanHost } from './support/lan-host.ts'

const ECHO = 7
const BYTES = 200_000
const LIFETIME_MS = 100_000

let lan: Lan
let host: LanHost
let folder = ''

beforeEach(() => {
  requireImage()
  lan = new Lan()
  host = new LanHost(lan, { addresses: ['10.0.0.1/24', 'fd00::1/64'] })
  folder = mkdtempSync(join(tmpdir(), 'eremite-test-'))
})
afterEach(() => {
  host.close()
  lan.close()
  rmSync(folder, { recursive: true, force: true })
})

function boot(number: number, initrd?: string): Promise<Vm> {
  return launch({
    kernel: IMAGE,
    ...(initrd === undefined ? {} : { initrd }),
    append: { ip: `10.0.0.${number}/24`, ip6: `fd00::${number}/64` },
    network: [{ kind: 'lan', lan, mac: `52:54:00:12:34:0${number}` }],
    entropyDevice: true,
    timeoutMs: LIFETIME_MS,
  })
}

/** Sends random bytes to the echo service at `hostname` and takes back as many: both directions at once. */
async function echo(hostname: string, length: number): Promise<{ equal: boolean }> {
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

describe('one guest', () => {
  it.each([
    ['IPv4', '10.0.0.2'],
    ['IPv6', 'fd00::2'],
  ])(
    'moves equal bytes both ways over %s while frames are lost, doubled, swapped and damaged',
    async (_family, guest) => {
      const vm = await boot(2)
      await withVm(vm, folder, async () => {
        await awaitReady(vm)
        const impairment = lan.impair({
          seed: 20_260_101,
          loss: 0.02,
          duplication: 0.02,
          reordering: { probability: 0.05, holdMs: 20 },
          corruption: 0.01,
          delay: { ms: 1, jitterMs: 1, probability: 0.5 },
          // ARP has no checksum: a flipped bit would give a neighbour a wrong address.
          match: (frame) => frame.readUInt16BE(12) !== 0x0806,
        })
        expect(await echo(guest, BYTES)).toEqual({ equal: true })
        for (const counters of Object.values(impairment.counters)) {
          expect(counters.matched).toBeGreaterThan(100)
          for (const effect of [
            'lost',
            'duplicated',
            'reordered',
            'corrupted',
            'delayed',
          ] as const) {
            expect([effect, counters[effect]]).not.toEqual([effect, 0])
          }
        }

        const path = join(folder, 'lan.pcap')
        const pcapng = join(folder, 'lan.pcapng')
        // Both at once: neighbours go on talking.
        const crossed = lan.frames.length
        await Promise.all([lan.writePcap(path), lan.writePcapng(pcapng)])
        expect(parsePcap(readFileSync(path))).toHaveLength(crossed)
        // Another program's reading of what was written: frames, directions, comments.
        const fields = ['frame.number', 'frame.packet_flags_direction', 'frame.comment']
        const rows = await runCommand([
          requireExecutable('tshark'),
          ...['-r', pcapng, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])],
        ])
        const lines = rows.split('\n').filter((line) => /^\d+\t/.test(line))
        expect(lines).toHaveLength(crossed)
        for (const note of ['duplicate', 'held back for', 'flipped', 'delayed by']) {
          expect(lines.filter((line) => line.includes(note)).length, note).toBeGreaterThan(0)
        }
      })
    },
  )
})

describe('several guests', () => {
  it('are on one switch: each is reached, and hears only what is for it', async () => {
    const first = await boot(2)
    await withVm(first, undefined, async () => {
      const second = await boot(3)
      await withVm(second, undefined, async () => {
        await Promise.all([awaitReady(first), awaitReady(second)])
        const answers = await Promise.all([echo('10.0.0.2', BYTES), echo('10.0.0.3', BYTES)])
        expect(answers).toEqual([{ equal: true }, { equal: true }])
        const macs = ['525400123402', '525400123403']
        for (const { port, direction, bytes } of lan.frames) {
          const destination = bytes.toString('hex', 0, 6)
          if (direction === 'to-guest' && macs.includes(destination)) {
            expect(destination).toBe(macs[port])
          }
        }
      })
    })
    expect(lan.guestCount).toBe(0)
  })

  it('talk to each other, with nobody else on the LAN', async () => {
    const echoing = await boot(2)
    await withVm(echoing, undefined, async () => {
      await awaitReady(echoing)
      const visiting = await boot(3, await buildApp('visits.ts'))
      await withVm(visiting, undefined, async () => {
        await visiting.console.expect('visited 10.0.0.2: 65536 octets', { from: 'start' })
        await visiting.console.expect('visited fd00::2: 65536 octets', { from: 'start' })
      })
    })
  })
})
