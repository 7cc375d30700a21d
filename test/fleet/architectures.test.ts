/**
 * qemu-runner runs guests of other architectures: boots them, types to them, sees their devices,
 * and tells how they ended.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { launch } from 'qemu-runner'
import { describe, expect } from 'vitest'
import { test } from '../qemu/support/fixtures.ts'
import { buildEchoImage } from './support/echo-image.ts'

const WAIT = { timeoutMs: 30_000 }

describe.each(['aarch64', 'riscv64'] as const)('a guest of %s', (architecture) => {
  test('boots, hears what is typed, has a virtio-net device, and switches itself off', async ({
    folder,
    lan,
  }) => {
    const kernel = join(folder, 'echo.bin')
    writeFileSync(kernel, buildEchoImage(architecture, `hello from ${architecture}`))
    const vm = await launch({
      ...{ architecture, kernel, machine: 'virt', memoryMiB: 128 },
      network: [{ kind: 'lan', lan }],
    })
    try {
      await vm.console.expect(`hello from ${architecture}`, WAIT)
      const echoed = vm.console.expect('ping', WAIT)
      vm.console.send('ping')
      await echoed
      expect((await vm.qmp.execute('query-target')).arch).toBe(architecture)
      const device = await vm.virtioNet()
      expect(device.offered).toContain('CTRL_VQ')
      expect([...device.negotiated]).toEqual([])
      vm.console.send('q')
      const exit = await vm.exited
      // QEMU 7.2 leaves at once when the SiFive test device says so, and tells no reason.
      const reason = architecture === 'riscv64' ? /^(guest-shutdown|unknown)$/ : /^guest-shutdown$/
      expect(exit).toEqual({ kind: 'shutdown', reason: expect.stringMatching(reason) })
    } finally {
      await vm.close()
    }
  })
})
