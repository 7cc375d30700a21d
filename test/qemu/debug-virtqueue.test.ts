/**
 * The command virtqueue: what is on the rings, on a running guest and on the core that a failed
 * test leaves.
 */
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { leaveBundle, requireExecutable } from 'qemu-runner'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { BUNDLE, GUEST, test } from './support/fixtures.ts'
import { copyImage, debugSession, removeImage, runCommand } from './support/gdb-session.ts'
import { ROOT } from './support/paths.ts'
import { awaitReady } from './support/site.ts'
import { parseTable } from './support/text-table.ts'
import { expectInOrder, lineHolding, parseFrames, places } from './support/typescript-frames.ts'

const QUEUE = 'drivers/virtio/split-virtqueue.ts'
const SEND_FILE = 'net/socket/tcp/send/transmit.ts'
const SEND = 'const sent = emitSegments(socket, sequence, length, count, flags, nowMs)'
const MAX_BUNDLE_BYTES = 32 * 1024 * 1024

test.override('guest', { ...GUEST, network: 'direct' })

let image = ''
beforeAll(() => {
  image = copyImage()
})
afterAll(() => removeImage(image))

describe('virtqueue', () => {
  test('shows queues, chains, both rings and who holds each slot while frames are added', async ({
    site,
  }) => {
    const line = lineHolding(image, QUEUE, 'this.available[1] = index')
    const send = lineHolding(image, SEND_FILE, SEND)
    const output = await debugSession(
      site,
      [
        'virtqueue',
        // A segment with data on its way, then where the transmit queue is about to show it to the
        // device.
        `js-tbreak ${SEND_FILE}:${send} if $js_value("length") > 1000`,
        'continue',
        `js-tbreak ${QUEUE}:${line} if $js_value("this.queueNumber") == 1`,
        'continue',
        'js-print this.availableIndex',
        'virtqueue',
        'virtqueue tx all',
        'virtqueue rx',
        'virtqueue rx all',
        'virtqueue console',
      ],
      { image, traffic: 'trickle' },
    )
    const [early, , , , , added, list, tx, rx, everything, unknown] = output.map((text) =>
      text.trim(),
    )
    expect(early).toMatch(/^No (TypeScript|virtqueue) yet/)
    const queues = parseTable(list!, 'queue')
    expect(queues.map(({ queue, driver }) => `${queue} ${driver}`)).toEqual([
      'rng VirtioRng',
      'rx VirtioNet',
      'tx VirtioNet',
      'ctrl VirtioNet',
    ])
    const receive = queues[1]!
    const transmit = queues[2]!
    expect(`this.availableIndex = ${transmit.added}`).toBe(added)
    const unpublished = Number(transmit.added) - Number(transmit.published)
    expect(unpublished).toBeGreaterThan(0)

    // QEMU decides how many descriptors a queue has, and its versions differ.
    expect(tx).toMatch(
      new RegExp(
        `^tx: queue 1 of VirtioNet, ${transmit.size} descriptors, \\d+ slots, indirect tables, `,
      ),
    )
    expect(tx).toContain(`${unpublished} added and not published`)
    const descriptors = parseTable(tx!, 'descriptor')
    const heads = descriptors.filter(({ descriptor }) => /^\d+$/.test(descriptor!))
    expect(heads.filter(({ state }) => state === 'not published')).toHaveLength(unpublished)
    const chained = descriptors.findIndex(({ flags }) => flags === 'indirect')
    expect(chained).toBeGreaterThanOrEqual(0)
    const slot = descriptors[chained]!.descriptor
    // §2.7.5.3: a table of descriptors; the first, the headers, leads to the second, the payload.
    expect(descriptors[chained + 1]).toMatchObject({
      descriptor: `${slot}[0]`,
      flags: 'next',
      next: '1',
    })
    expect(descriptors[chained + 2]).toMatchObject({ descriptor: `${slot}[1]` })
    expect(Number(descriptors[chained + 1]!.length)).toBeGreaterThanOrEqual(12 + 14 + 40)

    expect(rx).toMatch(/\(the last 16 of \d+; virtqueue rx all shows all\)/)
    expect(parseTable(rx!, 'descriptor')).toHaveLength(16)
    const buffers = parseTable(everything!, 'descriptor')
    expect(buffers).toHaveLength(Number(receive.size))
    const bound = buffers.filter(({ length }) => length !== '0')
    expect(bound.every(({ flags, length }) => flags === 'write' && Number(length) > 1500)).toBe(
      true,
    )
    expect(unknown).toBe(
      'Cannot show virtqueue console: write virtqueue rng|rx|tx|ctrl, and all for every slot',
    )
  })
})

describe('virtqueue of packed rings', () => {
  test('shows whose turn each descriptor is, and what is added and not published', async ({
    site,
  }) => {
    const file = 'drivers/virtio/packed-virtqueue.ts'
    const line = lineHolding(image, file, 'this.ring[this.heldPosition] = this.heldWord')
    const [, , list, tx, rx] = await debugSession(
      site,
      [
        `js-tbreak ${file}:${line} if $js_value("this.queueNumber") == 1`,
        'continue',
        'virtqueue',
        'virtqueue tx',
        'virtqueue rx all',
      ],
      { image, traffic: 'trickle', device: { packed: true } },
    )
    const [, receive, transmit] = parseTable(list!.trim(), 'queue')
    expect([receive!.queue, transmit!.queue]).toEqual(['rx', 'tx'])
    // QEMU holds all receive buffers; the transmit slots of this turn wait for the store that shows
    // them.
    expect(Number(receive!.outstanding)).toBeGreaterThan(16)
    expect(tx!.trim()).toMatch(/^tx: queue 1 of VirtioNet, \d+ descriptors, \d+ slots, packed, /)
    expect(tx).toMatch(/ [1-9]\d* added and not published/)
    const buffers = parseTable(rx!.trim(), 'descriptor')
    expect(buffers).toHaveLength(Number(receive!.size))
    const available = buffers.filter(({ flags }) => /^write\+(avail|used)$/.test(flags!))
    expect(available.length).toBeGreaterThan(16)
    expect(available.every(({ length }) => Number(length) > 1500)).toBe(true)
  })
})

describe('the core of a failed test', () => {
  test('is in the bundle, and the same commands work on it', async ({ site }) => {
    const vm = await site.launch({ kernel: image, entropyDevice: true })
    await awaitReady(vm)
    // What the device says and what memory says must be of the same moment.
    await vm.qmp.execute('stop')
    const failure = 'Error: as a failed expectation does'
    const bundle = await leaveBundle(vm, { ...BUNDLE, failure, captures: site.folder })
    try {
      expect(readFileSync(join(bundle, 'failure.txt'), 'utf8')).toContain(failure)

      const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
      const command = [process.execPath, tsx, join(ROOT, 'scripts/postmortem.ts')]
      const commands = ['set width 0', 'js-bt', 'virtqueue', 'js-break transmit.ts:54', 'quit', '']
      const output = await runCommand([...command, `BUNDLE=${bundle}`], commands.join('\n'))
      const text = output.replaceAll('(gdb) ', '')
      const frames = parseFrames(text.slice(text.indexOf('\n#0  ', text.indexOf('#0  ') + 1)))
      expectInOrder(places(frames), [/^run kernel\/event-loop\.ts$/, /^main kernel\/main\.ts$/])
      expect(text).toContain('Cannot break: there is no running guest')

      const state = JSON.parse(readFileSync(join(bundle, 'state.json'), 'utf8')) as {
        devices: {
          path: string
          queues: { usedIndex: number; size: number; lastAvailableIndex: number }[]
        }[]
      }
      const { queues } = state.devices.find(({ path }) => path.includes('/nic0/'))!
      const [, receive, transmit] = parseTable(text, 'queue')
      expect(Number(receive!.used)).toBe(queues[0]!.usedIndex)
      expect(Number(receive!.size)).toBe(queues[0]!.size)
      expect(Number(transmit!.used)).toBe(queues[1]!.usedIndex)
      expect(Number(transmit!.published)).toBe(queues[1]!.lastAvailableIndex)

      // The guest's own frames as they are on a wire, without the vnet header that QEMU's dump puts
      // before them.
      const pcapng = join(bundle, 'network.pcapng')
      const words = ['-r', pcapng, '-Y', 'eth.src == 52:54:00:12:34:56', '-T', 'fields']
      const types = await runCommand([requireExecutable('tshark'), ...words, '-e', 'eth.type'])
      expect(types).toMatch(/^0x(0806|86dd)$/m)

      const sizes = readdirSync(bundle).map((name) => statSync(join(bundle, name)).size)
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(MAX_BUNDLE_BYTES)
    } finally {
      rmSync(bundle, { recursive: true, force: true })
    }
  })

  test('is missed by name when there is none', async () => {
    const tsx = join(ROOT, 'node_modules/tsx/dist/cli.mjs')
    const command = [process.execPath, tsx, join(ROOT, 'scripts/postmortem.ts')]
    await expect(runCommand([...command, 'BUNDLE=build/nothing'])).rejects.toThrow(
      /postmortem: Cannot open build\/nothing: there is no such folder\. Next: /,
    )
    await expect(runCommand([...command, 'BUNDLE=build/test'])).rejects.toThrow(
      /postmortem: Cannot open build\/test: there is no build\/test\/core\.elf\.gz\. Next: /,
    )
    await expect(runCommand([...command, 'BUNDLE='])).rejects.toThrow(
      /postmortem: Cannot tell which bundle\. Next: make postmortem BUNDLE=/,
    )
  })
})
