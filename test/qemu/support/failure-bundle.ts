/** What a failed test leaves behind: console, events, device view, captures and the command line to repeat it. */
import { cpSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
