/**
 * Makes the image's snapshot: boots what was linked until the kernel's module is evaluated, and
 * puts the engine's memory as it is then into the image (boot/engine/snapshot.c).
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { findExecutable } from '../qemu-runner/src/executables.ts'
import { BuildError } from './build-error.ts'
import { runTool, tryTool } from './run-tool.ts'
import { runStep } from './step.ts'

const QEMU = 'qemu-system-x86_64'
const COMMAND_LINE = 'eremite.snapshot'
/** The first octets of `.snapshot`, once there is one; the length of the heap comes behind. */
const TAKEN = 'snapshot taken\0\0'
const MEMORY_MIB = 64
const SECONDS_MAX = 60
const SECTIONS = ['.snapshot', '.heap'] as const
/** Without isa-debug-exit the guest switches its machine off, and QEMU's status is 0. */
const MACHINE = [
  ...['-machine', 'q35,accel=tcg,memory-backend=ram', '-cpu', 'max', '-m', `${MEMORY_MIB}M`],
  ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
  ...['-bios', 'qboot.rom'],
] as const

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
    key: [...MACHINE, COMMAND_LINE].join('\0'),
    async run() {
      await writeImage(linked, path, await takeSnapshot(linked))
      return [linked, import.meta.filename]
    },
  })
}

/** `more` is further arguments of QEMU. Throws BuildError with the guest's words when it fails. */
export async function takeSnapshot(
  linked: string,
  more: readonly string[] = [],
): Promise<Snapshot> {
  const [memory, sections] = await Promise.all([guestMemory(linked, more), sectionsOf(linked)])
  const [snapshot, heap] = SECTIONS.map((name) => {
    const { address, lengthBytes } = sections(name)
    return memory.subarray(address, address + lengthBytes)
  }) as [Buffer, Buffer]
  if (!snapshot.toString('latin1').startsWith(TAKEN)) {
    throw new BuildError('Cannot make the snapshot: the guest ended before it was taken')
  }
  return { snapshot, heap: heap.subarray(0, Number(snapshot.readBigUInt64LE(TAKEN.length))) }
}

/** What the guest's memory holds when it has ended. */
async function guestMemory(linked: string, more: readonly string[]): Promise<Buffer> {
  const qemu = findExecutable(QEMU)
  if (qemu === undefined) {
    throw new BuildError(`Cannot make the snapshot: there is no ${QEMU}; try make doctor`)
  }
  const folder = await mkdtemp(join(dirname(linked), 'snapshot-'))
  const file = join(folder, 'memory')
  const backend = `memory-backend-file,id=ram,size=${MEMORY_MIB}M,mem-path=${file},share=on`
  const guest = ['-object', backend, '-kernel', linked, '-append', COMMAND_LINE]
  const limit = ['--kill-after=1', String(SECONDS_MAX), qemu]
  try {
    const result = await tryTool('timeout', [...limit, ...MACHINE, ...guest, ...more])
    const words = (result.stderr || result.stdout).trimEnd()
    if (result.status !== 0 || words !== '') {
      throw new BuildError(
        `Cannot make the snapshot: ${QEMU} ends with status ${result.status}\n${words}`.trimEnd(),
      )
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
  const folder = await mkdtemp(join(dirname(linked), 'snapshot-'))
  const [snapshot, heap] = SECTIONS.map((name) => join(folder, name)) as [string, string]
  try {
    await Promise.all([writeFile(snapshot, parts.snapshot), writeFile(heap, parts.heap)])
    await runTool('put the snapshot into the image', 'objcopy', [
      ...['--update-section', `.snapshot=${snapshot}`],
      ...['--set-section-flags', '.heap=alloc,load,data,contents'],
      ...['--update-section', `.heap=${heap}`, linked, path],
    ])
  } finally {
    await rm(folder, { recursive: true })
  }
}
