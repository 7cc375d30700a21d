/**
 * An example: Debian's cloud kernel under test. It serves a file to a peer beyond a router, and
 * ends when it is told to.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GUEST_ADDRESS4 } from 'qemu-runner'
import { test } from 'qemu-runner/vitest'
import { afterAll, expect } from 'vitest'

const guest = mkdtempSync(join(tmpdir(), 'linux-guest-'))
execFileSync(join(import.meta.dirname, 'fetch-linux.sh'), [guest], {
  stdio: ['ignore', 'ignore', 'inherit'],
})
afterAll(() => rmSync(guest, { recursive: true, force: true }))

const SERVING = /serving ([0-9a-f]{64})/

test.override('guest', {
  kernel: join(guest, 'vmlinuz'),
  initrd: join(guest, 'initramfs.gz'),
  memoryMiB: 256,
  // The addresses of the topology come with it; the kernel leaves them to init.
  append: { console: 'ttyS0', quiet: true, panic: '-1' },
  network: 'routed',
})

test('Linux serves 8 MiB in super-segments, and switches itself off', async ({ vm, peer }) => {
  const [, sha256] = await vm.console.expect(SERVING, { timeoutMs: 120_000, from: 'start' })
  const { negotiated } = await vm.virtioNet()
  expect([...negotiated]).toEqual(expect.arrayContaining(['CSUM', 'HOST_TSO4', 'GUEST_TSO4']))
  const target = { host: GUEST_ADDRESS4, port: 80, path: '/random' }
  const answer = await peer.request('download', { ...target, digest: 'sha256', timeoutMs: 60_000 })
  expect(answer).toMatchObject({ bytes: 8 << 20, digest: sha256 })
  vm.console.send('poweroff\n')
  expect(await vm.exited).toEqual({ kind: 'shutdown', reason: 'guest-shutdown' })
})
