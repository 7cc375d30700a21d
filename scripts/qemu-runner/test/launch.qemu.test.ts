/**
 * Real QEMU, tiny guests: every way a run ends, expectations against real output, KVM proof, gdb,
 * LAN, virtio view.
 */
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  buildProbeImage,
  chooseAccelerator,
  describeExit,
  LaunchError,
  launch,
  MissingToolError,
  type ProbeImageOptions,
} from '../src/index.ts'

let folder = ''
let images = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'qemu-runner-test-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function image(options: ProbeImageOptions): string {
  const path = join(folder, `guest-${images++}.elf`)
  writeFileSync(path, buildProbeImage(options))
  return path
}

describe('launch', () => {
  it.each(['q35', 'microvm'] as const)(
    'boots a 64-bit guest on %s and takes all it says',
    async (machine) => {
      const kernel = image({ console: 'hello\r\nbye\r\n', events: '{"event":"ready","ns":7}\n' })
      const vm = await launch({ kernel, machine })
      await vm.console.expect('hello')
      expect((await vm.events.once('ready')).value.ns).toBe(7)
      expect(await vm.exited).toEqual({ kind: 'clean', status: 33 })
      expect(vm.console.lines.slice(-2)).toEqual(['hello', 'bye'])
    },
  )

  it('reports the code of a guest that fails', async () => {
    const vm = await launch({ kernel: image({ end: 0x22 }) })
    expect(await vm.exited).toEqual({ kind: 'guest-failure', status: 69, code: 0x22 })
  })

  it('reports a triple fault as a reset, not as an endless boot loop', async () => {
    const vm = await launch({ kernel: image({ end: 'crash' }) })
    expect(await vm.exited).toEqual({ kind: 'shutdown', reason: 'guest-reset' })
  })

  it('kills a guest that hangs when its time is up, and keeps its last words', async () => {
    const vm = await launch({ kernel: image({ console: 'stuck\n', end: 'hang' }), timeoutMs: 1500 })
    expect(await vm.exited).toMatchObject({ kind: 'timeout', timeoutMs: 1500, tail: 'stuck' })
  })

  it('tells a kill from outside', async () => {
    const vm = await launch({ kernel: image({ end: 'hang' }) })
    process.kill(vm.pid!, 'SIGTERM')
    const exit = await vm.exited
    // QEMU turns SIGTERM into a shutdown request; SIGKILL cannot be caught.
    expect(describeExit(exit)).toMatch(/host-signal|SIGTERM/)
    const other = await launch({ kernel: image({ end: 'hang' }) })
    process.kill(other.pid!, 'SIGKILL')
    expect(await other.exited).toMatchObject({ kind: 'signal', signal: 'SIGKILL' })
  })

  it('stops a guest on request', async () => {
    const vm = await launch({ kernel: image({ end: 'hang' }) })
    expect(await vm.stop()).toEqual({ kind: 'stopped' })
    const other = await launch({ kernel: image({ end: 'hang' }) })
    await other.close()
    expect(other.exit).toEqual({ kind: 'stopped' })
  })

  it('fails a launch with QEMU’s words and the command line', async () => {
    const failing = launch({ extraArguments: ['-device', 'nonesuch'] })
    await expect(failing).rejects.toThrow(LaunchError)
    await expect(failing).rejects.toThrow(/'nonesuch' is not a valid device[\s\S]*-machine q35/)
  })

  it('does not wait for ever on a program that is no QEMU', async () => {
    // Takes any arguments, says something, and stays.
    const binary = join(folder, 'no-qemu')
    writeFileSync(binary, '#!/bin/sh\necho "no monitor here" >&3\nexec sleep 600\n')
    chmodSync(binary, 0o755)
    const failing = launch({ binary })
    await expect(failing).rejects.toThrow(LaunchError)
    await expect(failing).rejects.toThrow(/Cannot understand QMP: "no monitor here"[\s\S]*no-qemu/)
  })

  it('does not wait for ever on a QEMU whose monitor is silent, and leaves nothing of it', async () => {
    const binary = join(folder, 'silent-qemu')
    writeFileSync(binary, '#!/bin/sh\necho $$ > "$0.pid"\nexec sleep 600\n')
    chmodSync(binary, 0o755)
    const failing = launch({ binary }, { monitorTimeoutMs: 500 })
    await expect(failing).rejects.toThrow(
      /qmp_capabilities: no answer within 500 ms[\s\S]*silent-qemu/,
    )
    const pid = readFileSync(`${binary}.pid`, 'utf8').trim()
    expect(existsSync(`/proc/${pid}`)).toBe(false)
  })

  it('names a missing QEMU', async () => {
    await expect(launch({ binary: 'qemu-system-nonesuch' })).rejects.toThrow(MissingToolError)
    await expect(launch({ binary: '/opt/nonesuch/qemu' })).rejects.toThrow(
      'Cannot run /opt/nonesuch/qemu: there is no such executable file',
    )
  })

  it('ends waits at once when the guest exits, with its last output', async () => {
    const vm = await launch({ kernel: image({ console: 'last words\n', end: 0x30 }) })
    const startedAt = performance.now()
    await expect(vm.console.expect('never', { timeoutMs: 60_000 })).rejects.toThrow(
      /guest failure, exit code 48[\s\S]*last words/,
    )
    expect(performance.now() - startedAt).toBeLessThan(10_000)
  })
})

describe('whileRunning', () => {
  const never = new Promise<never>(() => undefined)

  it('ends at once with the guest what waits for somebody else', async () => {
    const vm = await launch({ kernel: image({ console: 'last words\n', end: 0x30 }) })
    const download = vm.whileRunning('the download', never, { timeoutMs: 60_000 })
    await expect(download).rejects.toThrow(
      /Cannot see the download: the guest has ended: guest failure, exit code 48[\s\S]*last words/,
    )
  })

  it('passes on a result and a failure, and has a deadline', async () => {
    const vm = await launch({ kernel: image({ end: 'hang' }) })
    try {
      expect(await vm.whileRunning('a result', Promise.resolve(7))).toBe(7)
      const failing = Promise.reject(new RangeError('refused'))
      await expect(vm.whileRunning('a failure', failing)).rejects.toThrow(RangeError)
      const late = vm.whileRunning('the end', never, { timeoutMs: 50 })
      expect(vm.pendingWaits).toEqual(['the end'])
      await expect(late).rejects.toThrow('Cannot see the end: nothing within 50 ms')
    } finally {
      await vm.close()
    }
  })
})

describe('the monitor', () => {
  it('answers typed commands and shows virtio features and queues', async () => {
    const vm = await launch({
      kernel: image({ end: 'hang' }),
      network: [{ kind: 'user', device: { rxQueueSize: 512, mrgRxbuf: false } }],
    })
    try {
      expect(await vm.qmp.execute('query-status')).toMatchObject({ running: true })
      const device = await vm.virtioNet()
      expect(device.offered).toContain('MAC')
      expect(device.offered).toContain('EVENT_IDX')
      // No vnet header in user-mode networking, and the property said so for MRG_RXBUF.
      expect(device.offered).not.toContain('CSUM')
      expect(device.offered).not.toContain('MRG_RXBUF')
      expect([...device.negotiated]).toEqual([])
      // What the property makes of the size that the device shows differs between versions: 10.0.13
      // shows its limit.
      const { path } = device
      const property = { path: path.replace(/\/virtio-backend$/, ''), property: 'rx_queue_size' }
      expect(await vm.qmp.execute('qom-get', property)).toBe(512)
      const queue = await vm.qmp.execute('x-query-virtio-queue-status', { path, queue: 0 })
      expect((await vm.virtioNetQueue(0)).size).toBe(queue['vring-num'])
      await expect(vm.qmp.executeAny('no-such-command')).rejects.toThrow('no-such-command')
    } finally {
      await vm.close()
    }
  })

  it('dumps the memory of a running guest as a compressed core', async () => {
    const vm = await launch({ kernel: image({ console: 'here\n', end: 'hang' }) })
    try {
      await vm.console.expect('here')
      const path = join(folder, 'core.elf.gz')
      await vm.dumpCore(path)
      const core = gunzipSync(readFileSync(path))
      expect(core.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
      // ET_CORE, and memory of which nothing is left out.
      expect(core.readUInt16LE(16)).toBe(4)
      expect(core.length).toBeGreaterThan(64 * 1024 * 1024)
      expect(statSync(path).size).toBeLessThan(4 * 1024 * 1024)
      expect(readdirSync(folder).filter((name) => name.endsWith('.raw'))).toEqual([])
      expect(await vm.qmp.execute('query-status')).toMatchObject({ running: true })
    } finally {
      await vm.close()
    }
    await expect(vm.dumpCore(join(folder, 'late.gz'))).rejects.toThrow('QEMU has gone')
  })

  it('finds the port the host picked for a forward', async () => {
    const forwards = [{ protocol: 'tcp', guestPort: 80 }] as const
    const vm = await launch({
      kernel: image({ end: 'hang' }),
      network: [{ kind: 'user', forwards }],
    })
    try {
      const port = await vm.forwardedPort(80)
      expect(port).toBeGreaterThan(1023)
      await expect(vm.forwardedPort(81)).rejects.toThrow('Cannot find a forward')
    } finally {
      await vm.close()
    }
  })
})

describe('gdb', () => {
  it('speaks its remote protocol over an inherited descriptor while the guest waits', async () => {
    const vm = await launch({ kernel: image({}), gdb: { wait: true } })
    try {
      // The acknowledgment may come in a piece of its own; a packet ends with "#" and two digits.
      const answer = new Promise<string>((resolve) => {
        let text = ''
        vm.gdb!.on('data', (chunk: Buffer) => {
          text += chunk.toString('latin1')
          if (/#[0-9a-f]{2}$/.test(text)) resolve(text)
        })
      })
      vm.gdb!.write('$?#3f')
      expect(await answer).toContain('T05')
    } finally {
      await vm.close()
    }
  })
})

describe('chooseAccelerator', () => {
  it('gives the reason when the device is missing', async () => {
    const choice = await chooseAccelerator('auto', { device: join(folder, 'no-kvm') })
    expect(choice).toEqual({ accelerator: 'tcg', why: expect.stringContaining('does not exist') })
  })

  it('refuses KVM that was demanded and cannot be had', async () => {
    const proof = { device: join(folder, 'no-kvm') }
    await expect(chooseAccelerator('kvm', proof)).rejects.toThrow('Cannot use KVM')
  })

  it('takes KVM only when a 64-bit guest came back from it', async () => {
    const choice = await chooseAccelerator('auto')
    if (choice.accelerator === 'kvm') expect(choice.why).toContain('reported back')
    else expect(choice.why).toMatch(/failed: .+|does not exist|may not be opened/)
  })

  it('does not take KVM on the word of a guest that does not come back', async () => {
    const guest = { kernel: image({ end: 'hang' }) }
    const choice = await chooseAccelerator('auto', { guest, deadlineMs: 1000 })
    expect(choice.accelerator).toBe('tcg')
  })

  describe('with a KVM of our own making', () => {
    /** In the place of QEMU: what is to run under KVM runs under TCG, or does not answer. */
    function useKvm(kind: 'fast' | 'slow'): void {
      const path = join(folder, `qemu-${kind}`)
      const slow = '[[ $* == *accel=kvm* ]] && exec sleep 15'
      const fast =
        'exec qemu-system-x86_64 $(printf "%s\\n" "$@" | sed "s/accel=kvm/accel=tcg/; s/^host$/max/")'
      const lines = ['#!/bin/bash', ...(kind === 'slow' ? [slow] : []), fast, '']
      writeFileSync(path, lines.join('\n'))
      chmodSync(path, 0o755)
      vi.stubEnv('QEMU_RUNNER_BINARY', path)
    }
    afterEach(() => vi.unstubAllEnvs())

    // It opens for everybody.
    const device = '/dev/null'

    it('takes KVM that is as fast as TCG', async () => {
      useKvm('fast')
      const choice = await chooseAccelerator('auto', { device, deadlineMs: 20_000 })
      expect(choice).toEqual({ accelerator: 'kvm', why: 'a 64-bit guest reported back from KVM' })
    })

    it('does not take one that is slower by far, and does not wait for its deadline', async () => {
      useKvm('slow')
      const began = performance.now()
      const choice = await chooseAccelerator('auto', { device, deadlineMs: 20_001 })
      expect(choice.accelerator).toBe('tcg')
      expect(choice.why).toMatch(/no sign of life within \d+ ms, and TCG took \d+ ms$/)
      expect(performance.now() - began).toBeLessThan(12_000)
    })

    it('says so once, when a guest is launched with auto, and remembers it', async () => {
      useKvm('slow')
      const said = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
      const accelProof = { device, deadlineMs: 20_002 }
      for (let guest = 0; guest < 2; guest++) {
        const began = performance.now()
        const vm = await launch({ kernel: image({}), accel: 'auto', accelProof })
        expect(vm.accelerator.accelerator).toBe('tcg')
        expect(await vm.exited).toEqual({ kind: 'clean', status: 33 })
        if (guest > 0) expect(performance.now() - began).toBeLessThan(5_000)
      }
      const lines = said.mock.calls.map(([line]) => String(line))
      said.mockRestore()
      expect(lines).toEqual([expect.stringMatching(/^qemu-runner: TCG is used: .*no sign of life/)])
    })
  })
})
