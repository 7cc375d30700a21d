/** Disks, snapshots, processors and shared folders in a real QEMU, as its monitor sees them. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { buildProbeImage, requireExecutable, type Vm } from '../src/index.ts'
import { test } from '../src/vitest/index.ts'

/** An octet of the battery-backed memory that no firmware uses: part of a machine's state. */
const PLACE = 0x50

function hangingImage(folder: string): string {
  const path = join(folder, 'hangs.elf')
  writeFileSync(path, buildProbeImage({ console: 'up\n', end: 'hang' }))
  return path
}

function qcow2(folder: string, name: string): string {
  const path = join(folder, name)
  execFileSync(requireExecutable('qemu-img'), ['create', '-q', '-f', 'qcow2', path, '64M'])
  return path
}

async function write(vm: Vm, value: number): Promise<void> {
  await vm.qmp.humanMonitor(`o /b 0x70 ${PLACE}`)
  await vm.qmp.humanMonitor(`o /b 0x71 ${value}`)
}

async function read(vm: Vm): Promise<number> {
  await vm.qmp.humanMonitor(`o /b 0x70 ${PLACE}`)
  const answer = await vm.qmp.humanMonitor('i /b 0x71')
  return Number(/= (0x[0-9a-f]+)/.exec(answer)?.[1])
}

describe('snapshots', () => {
  test.override('guest', { timeoutMs: 60_000, accel: 'tcg' })

  test('bring a guest back to where it was, also another QEMU', async ({ launchGuest, folder }) => {
    const kernel = hangingImage(folder)
    const path = qcow2(folder, 'state.qcow2')
    const disks = [{ path, format: 'qcow2', interface: 'none' } as const]
    const vm = await launchGuest({ kernel, disks })
    await vm.console.expect('up', { timeoutMs: 20_000 })
    await write(vm, 0x11)
    await vm.saveSnapshot('booted')
    await write(vm, 0x22)
    expect(await read(vm)).toBe(0x22)
    await vm.loadSnapshot('booted')
    expect(await read(vm)).toBe(0x11)
    await vm.stop()

    const again = await launchGuest({ kernel, disks, startFrom: 'booted' })
    expect(await read(again)).toBe(0x11)
    expect(again.console.text).not.toContain('up')
    await again.deleteSnapshot('booted')
    await expect(again.loadSnapshot('booted')).rejects.toThrow(
      /^Cannot snapshot load "booted": .*booted/,
    )
  })

  test('are refused where disks cannot hold them', async ({ launchGuest, folder }) => {
    const kernel = hangingImage(folder)
    const path = qcow2(folder, 'disk.qcow2')
    const none = await launchGuest({ kernel })
    await expect(none.saveSnapshot('a')).rejects.toThrow('no disk holds snapshots; give a qcow2')
    const raw = await launchGuest({ kernel, disks: [{ path: kernel, format: 'raw' }] })
    await expect(raw.saveSnapshot('a')).rejects.toThrow('disk 0 is raw, which holds no snapshots')
    const disks = [{ path, format: 'qcow2', discardWrites: true } as const]
    const discarding = await launchGuest({ kernel, disks })
    await expect(discarding.saveSnapshot('a')).rejects.toThrow('disk 0 discards its writes')
  })
})

describe('a machine', () => {
  test.override('guest', { timeoutMs: 60_000, accel: 'tcg' })

  test('has the processors, disks and folders that were asked for', async ({
    launchGuest,
    folder,
  }) => {
    const kernel = hangingImage(folder)
    const interfaces = ['virtio', 'sata', 'nvme'] as const
    const disks = interfaces.map((name) => ({
      path: qcow2(folder, `${name}.qcow2`),
      format: 'qcow2' as const,
      interface: name,
      readOnly: name === 'virtio',
    }))
    const sharedFolders = [{ path: folder, tag: 'source', readOnly: true }]
    const vm = await launchGuest({ kernel, processors: 2, disks, sharedFolders })
    expect(await vm.qmp.execute('query-cpus-fast')).toHaveLength(2)
    const devices = await vm.qmp.humanMonitor('info qtree')
    for (const device of ['virtio-blk-pci', 'ide-hd', 'dev: nvme', 'mount_tag = "source"']) {
      expect(devices).toContain(device)
    }
    const blocks = await vm.qmp.execute('query-block')
    const readOnly = blocks.map(({ inserted }) => inserted?.ro)
    expect(readOnly).toEqual([true, false, false])
  })
})

describe('console.send', () => {
  test.override('guest', { timeoutMs: 60_000, accel: 'tcg' })

  test('types into the serial port', async ({ launchGuest, folder }) => {
    const vm = await launchGuest({ kernel: hangingImage(folder) })
    await vm.console.expect('up', { timeoutMs: 20_000 })
    vm.console.send('x')
    // The probe reads nothing: the octet waits in the UART, where the monitor finds it.
    const isThere = async () =>
      Number(/= (0x[0-9a-f]+)/.exec(await vm.qmp.humanMonitor('i /b 0x3fd'))?.[1]) & 1
    await expect.poll(isThere, { timeout: 10_000 }).toBe(1)
    expect(await vm.qmp.humanMonitor('i /b 0x3f8')).toContain('0x78')
  })
})
