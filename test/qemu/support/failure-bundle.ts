/** What a failed test leaves behind: console, events, device view, captures, a core and the command line to repeat it. */
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { describeExit, type Vm } from 'qemu-runner'

/** Captures beyond this are left out: a bundle is to be looked at. */
const MAX_CAPTURES = 4

/** Returns the folder. */
export async function leaveBundle(
  vm: Vm,
  capturesFolder: string | undefined,
  parent: string,
): Promise<string> {
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'bundle-'))
  writeFileSync(join(folder, 'console.log'), vm.console.text)
  const events = vm.events.received.map(({ value }) => JSON.stringify(value))
  writeFileSync(join(folder, 'events.jsonl'), `${[...events, ...vm.events.noise].join('\n')}\n`)
  writeFileSync(join(folder, 'command.sh'), `${vm.commandLine}\n`)
  writeFileSync(join(folder, 'qemu.log'), vm.stderr)
  writeFileSync(join(folder, 'state.json'), `${JSON.stringify(await describeState(vm), null, 2)}\n`)
  await dumpCore(vm, folder)
  if (capturesFolder !== undefined) {
    const captures = readdirSync(capturesFolder)
      .filter((name) => name.endsWith('.pcap'))
      .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
    for (const name of captures.slice(-MAX_CAPTURES)) {
      cpSync(join(capturesFolder, name), join(folder, name))
    }
  }
  return folder
}

/** For `make postmortem`: the core, and the image that it needs, because the next build replaces that. */
async function dumpCore(vm: Vm, folder: string): Promise<void> {
  if (vm.exit !== undefined) return
  try {
    await vm.dumpCore(join(folder, 'core.elf.gz'))
  } catch (error) {
    writeFileSync(join(folder, 'core.error'), `${(error as Error).message}\n`)
    return
  }
  const image = argument(vm, '-kernel') ?? ''
  const app = argument(vm, '-initrd') ?? join(dirname(image), 'builtin.app')
  copyFileSync(image, join(folder, basename(image)))
  for (const path of [mapOf(image), mapOf(app)]) copyMap(path, folder)
}

/** A map names its sources from where it lies. */
function copyMap(path: string, folder: string): void {
  if (!existsSync(path)) return
  const map = JSON.parse(readFileSync(path, 'utf8')) as object
  const sourceRoot = relative(folder, dirname(path))
  writeFileSync(join(folder, basename(path)), JSON.stringify({ ...map, sourceRoot }))
}

function argument(vm: Vm, option: string): string | undefined {
  const at = vm.command.indexOf(option)
  return at < 0 ? undefined : vm.command[at + 1]
}

function mapOf(program: string): string {
  return program.replace(/\.(elf|app)$/, '.js.map')
}

async function describeState(vm: Vm): Promise<unknown> {
  if (vm.exit !== undefined) return { exit: describeExit(vm.exit) }
  try {
    const device = await vm.virtioNet()
    return {
      device: {
        ...device,
        offered: [...device.offered],
        negotiated: [...device.negotiated],
        status: [...device.status],
      },
      receiveQueue: await vm.virtioNetQueue(0),
      transmitQueue: await vm.virtioNetQueue(1),
    }
  } catch (error) {
    return { error: (error as Error).message }
  }
}
