/**
 * Makes the image's snapshot: boots what was linked until the kernel's module is evaluated, and
 * puts the engine's memory as it is then into the image (boot/engine/snapshot.c).
 */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findExecutable } from '../qemu-runner/src/executables.ts'
import { escapeValue } from '../qemu-runner/src/quote.ts'
import { BuildError } from './build-error.ts'
import { runTool, tryTool } from './run-tool.ts'
import { runStep } from './step.ts'

const QEMU = 'qemu-system-x86_64'
const COMMAND_LINE = 'eremite.snapshot'
/** The first octets of `.snapshot`, once there is one; the length of the heap comes behind. */
const TAKEN = 'snapshot taken\0\0'
const SECONDS_MAX = 60
const FOLDER_PREFIX = 'snapshot-'
const TOO_SMALL = 'Cannot make the snapshot: .heap of boot/linker.ld is too small for it'
/**
 * Firmware for UEFI has memory of its own between 8 and 9 MiB (OVMF's PcdOvmfSecPeiTempRam and what
 * follows it).
 */
const IMAGE_END_MAX = 8 * 1024 * 1024
const SECTIONS = ['.snapshot', '.heap'] as const
export interface SnapshotMachine {
  readonly type: string
  readonly memoryMiB: number
  /** Further arguments of QEMU. */
  readonly more: readonly string[]
}

const MACHINE: SnapshotMachine = {
  type: 'q35',
  memoryMiB: 64,
  more: ['-cpu', 'max', '-bios', 'qboot.rom'],
}

interface Section {
  readonly address: number
  readonly lengthBytes: number
}

/** What the image's sections of these names hold. */
export interface Snapshot {
  readonly snapshot: Buffer
  readonly heap: Buffer
}

/** Runs `linked`, the image without a snapshot; true when `path` is written anew. */
export function addSnapshot(linked: string, path: string): Promise<boolean> {
  return runStep({
    outputs: [path],
    key: JSON.stringify([MACHINE, COMMAND_LINE]),
    async run() {
      await removeLeftovers(dirname(linked))
      await writeImage(linked, path, await takeSnapshot(linked))
      return [linked, import.meta.filename]
    },
  })
}

/** Of a build that was interrupted: the build lock is held. */
async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    if (name.startsWith(FOLDER_PREFIX)) await rm(join(folder, name), { recursive: true })
  }
}

/** Throws BuildError with the guest's words when it fails. */
export async function takeSnapshot(linked: string, machine = MACHINE): Promise<Snapshot> {
  const [memory, sections] = await Promise.all([guestMemory(linked, machine), sectionsOf(linked)])
  const [snapshot, heap] = SECTIONS.map((name) => {
    const { address, lengthBytes } = sections(name)
    return memory.subarray(address, address + lengthBytes)
  }) as [Buffer, Buffer]
  const heapAddress = sections('.heap').address
  if (!snapshot.toString('latin1').startsWith(TAKEN)) {
    throw new BuildError('Cannot make the snapshot: the guest ended before it was taken')
  }
  const usedBytes = Number(snapshot.readBigUInt64LE(TAKEN.length))
  if (heapAddress + usedBytes > IMAGE_END_MAX) {
    throw new BuildError(
      'Cannot make the snapshot: the image reaches into what UEFI keeps at 8 MiB',
    )
  }
  return { snapshot, heap: heap.subarray(0, usedBytes) }
}

/** What the guest's memory holds when it has ended. */
async function guestMemory(linked: string, machine: SnapshotMachine): Promise<Buffer> {
  const qemu = findExecutable(QEMU)
  if (qemu === undefined) {
    throw new BuildError(`Cannot make the snapshot: there is no ${QEMU}; try make doctor`)
  }
  const folder = await mkdtemp(join(dirname(linked), FOLDER_PREFIX))
  const file = join(folder, 'memory')
  const size = `${machine.memoryMiB}M`
  const backend = `memory-backend-file,id=ram,size=${size},mem-path=${escapeValue(file)},share=on`
  const words = [
    // In the foreground, Ctrl-C ends it too.
    ...['--foreground', '--kill-after=1', String(SECONDS_MAX), qemu],
    // Without isa-debug-exit the guest switches its machine off, and QEMU's status is 0.
    ...['-machine', `${machine.type},accel=tcg,memory-backend=ram`, '-m', size],
    ...['-object', backend, '-nodefaults', '-no-user-config', '-no-reboot'],
    ...['-display', 'none', '-serial', 'stdio', '-kernel', linked, '-append', COMMAND_LINE],
  ]
  try {
    const { status, stdout, stderr } = await tryTool('timeout', [...words, ...machine.more])
    // A guest that does what it should says nothing; QEMU may warn.
    if (status !== 0 || stdout !== '') {
      if (/memory/.test(stdout)) throw new BuildError(`${TOO_SMALL}:\n${stdout.trimEnd()}`)
      const end = `${QEMU} ends with status ${status}`
      throw new BuildError(`Cannot make the snapshot: ${end}\n${stdout}${stderr}`.trimEnd())
    }
    return await readFile(file)
  } finally {
    await rm(folder, { recursive: true })
  }
}

async function sectionsOf(linked: string): Promise<(name: string) => Section> {
  const table = await runTool('read the image', 'objdump', ['--section-headers', '--wide', linked])
  const lines = table.split('\n').map((line) => line.trim().split(/\s+/))
  return (name) => {
    const line = lines.find((words) => words[1] === name)
    if (line === undefined) throw new BuildError(`Cannot make the snapshot: no section ${name}`)
    return { address: Number.parseInt(line[3]!, 16), lengthBytes: Number.parseInt(line[2]!, 16) }
  }
}

async function writeImage(linked: string, path: string, parts: Snapshot): Promise<void> {
  const folder = await mkdtemp(join(dirname(linked), FOLDER_PREFIX))
  const [snapshot, heap] = SECTIONS.map((name) => join(folder, name)) as [string, string]
  try {
    await Promise.all([writeFile(snapshot, parts.snapshot), writeFile(heap, parts.heap)])
    await runTool('put the snapshot into the image', 'objcopy', [
      ...['--update-section', `.snapshot=${snapshot}`],
      ...['--update-section', `.heap=${heap}`, linked, path],
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
}
