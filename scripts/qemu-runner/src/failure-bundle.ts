/**
 * What a failed run leaves behind: output, the devices as QEMU sees them, frames, a core, and the
 * line that repeats it.
 */
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { cp, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { describeExit } from './exit-info.ts'
import type { Lan } from './lan/lan.ts'
import { readFilterDump } from './pcap/filter-dump.ts'
import { encodePcapng, type PcapngFrame, type PcapngInterface } from './pcap/pcapng-file.ts'
import { standaloneCommand } from './standalone-command.ts'
import { viewAllVirtio } from './virtio-view.ts'
import type { Vm } from './vm.ts'

export interface BundleOptions {
  /** The folder in which the bundle's own folder is made. */
  readonly parent: string
  /** What failed, in words. */
  readonly failure?: string
  /** The one command line that repeats it. */
  readonly reproduce?: string
  /** A folder whose captures (`.pcap`, `.pcapng`) are taken along, the last four. */
  readonly captures?: string
  /** Default true: memory and registers, while QEMU runs. */
  readonly core?: boolean
  /** For what only the caller knows, such as the image and its source maps. */
  readonly extend?: (bundle: { folder: string; vm: Vm }) => void | Promise<void>
}

/** Captures beyond this are left out: a bundle is to be looked at. */
const MAX_CAPTURES = 4
/** A QEMU that does not answer this one question is asked no other. */
const PROBE_TIMEOUT_MS = 3_000

/**
 * Resolves with the folder, an absolute path. What cannot be had is missing from it, and
 * `missing.txt` says why: a bundle is made when things are broken already, so that it never throws
 * but for a folder that cannot be written.
 */
export async function leaveBundle(vm: Vm, options: BundleOptions): Promise<string> {
  mkdirSync(options.parent, { recursive: true })
  const folder = resolve(mkdtempSync(join(options.parent, 'bundle-')))
  const missing: string[] = []
  const attempt = async (what: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work()
    } catch (error) {
      missing.push(`${what}: ${(error as Error).message}`)
    }
  }
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text)

  write('console.log', vm.console.text)
  const events = vm.events.received.map(({ value }) => JSON.stringify(value))
  write('events.jsonl', lines([...events, ...vm.events.noise]))
  write('qmp-events.jsonl', lines(vm.qmp.received.map((event) => JSON.stringify(event))))
  write('qemu.log', vm.stderr)
  write('command.sh', `${standaloneCommand(vm.command)}\n`)
  write('qemu-arguments.txt', `${vm.commandLine}\n`)
  if (options.failure !== undefined) write('failure.txt', `${options.failure}\n`)
  if (options.reproduce !== undefined) write('reproduce.sh', `${options.reproduce}\n`)
  const isAnswering = await answers(vm)
  await attempt('state.json', async () => {
    write('state.json', `${JSON.stringify(await describeState(vm, isAnswering), null, 2)}\n`)
  })
  await attempt('network.pcapng', () => writeFrames(vm, join(folder, 'network.pcapng')))
  if (options.captures !== undefined) {
    const from = options.captures
    await attempt('captures', () => copyCaptures(from, folder))
  }
  if (options.core !== false) {
    await attempt('core.elf.gz', async () => {
      if (vm.exit !== undefined) throw new Error('the guest has ended and taken its memory along')
      if (!isAnswering) throw new Error('QEMU does not answer')
      await vm.dumpCore(join(folder, 'core.elf.gz'))
    })
  }
  await attempt('what the caller adds', () => options.extend?.({ folder, vm }))
  if (missing.length > 0) write('missing.txt', lines(missing))
  return folder
}

function lines(all: readonly string[]): string {
  return all.map((line) => `${line}\n`).join('')
}

async function answers(vm: Vm): Promise<boolean> {
  if (vm.exit !== undefined) return false
  return vm.qmp.execute('query-status', {}, { timeoutMs: PROBE_TIMEOUT_MS }).then(
    () => true,
    () => false,
  )
}

async function describeState(vm: Vm, isAnswering: boolean): Promise<unknown> {
  const { accelerator } = vm
  const pendingWaits = vm.pendingWaits
  if (vm.exit !== undefined) return { exit: describeExit(vm.exit), accelerator, pendingWaits }
  if (!isAnswering) return { error: 'QEMU does not answer', accelerator, pendingWaits }
  const devices = await viewAllVirtio(vm.qmp)
  return {
    run: await vm.qmp.execute('query-status'),
    accelerator,
    pendingWaits,
    devices: devices.map((device) => ({
      ...device,
      offered: [...device.offered],
      negotiated: [...device.negotiated],
      status: [...device.status],
    })),
  }
}

/** Frames of every network that was recorded: LANs by this process, others by QEMU. */
async function writeFrames(vm: Vm, path: string): Promise<void> {
  const interfaces: PcapngInterface[] = []
  const frames: PcapngFrame[] = []
  const lans = new Set<Lan>()
  for (const [index, network] of vm.networks.entries()) {
    if (network.kind === 'lan') {
      if (lans.has(network.lan)) continue
      lans.add(network.lan)
      const first = interfaces.length
      const record = network.lan.record()
      interfaces.push(...record.interfaces)
      for (const frame of record.frames) {
        frames.push({ ...frame, interfaceIndex: first + frame.interfaceIndex })
      }
    } else if (network.capture !== undefined) {
      const interfaceIndex = interfaces.length
      interfaces.push({ name: `nic${index} (${network.kind})` })
      for (const frame of await readFilterDump(network.capture.path)) {
        frames.push({ ...frame, interfaceIndex })
      }
    }
  }
  if (interfaces.length === 0) return
  frames.sort((a, b) => a.timeMs - b.timeMs)
  await writeFile(path, encodePcapng(interfaces, frames))
}

async function copyCaptures(from: string, to: string): Promise<void> {
  const names = (await readdir(from)).filter((name) => /\.pcap(ng)?$/.test(name))
  names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  for (const name of names.slice(-MAX_CAPTURES)) await cp(join(from, name), join(to, name))
}
