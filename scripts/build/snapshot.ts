/**
 * Makes the image's snapshot: boots what was linked until the kernel's module is evaluated, and
 * puts the engine's memory as it is then into the image (boot/engine/snapshot.c).
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { findExecutable } from '../qemu-runner/src/executables.ts'
import { BuildError } from './build-error.ts'
import { runTool, tryTool } from './run-tool.ts'
import { runStep } from './step.ts'

const QEMU = 'qemu-system-x86_64'
const COMMAND_LINE = 'eremite.snapshot'
/** The first octets of `.snapshot`, once there is one; how much of the heap it needs comes behind. */
const TAKEN = 'snapshot taken\0\0'
const MEMORY_MIB = 64
const SECONDS_MAX = 60

interface Section {
  readonly address: number
  readonly lengthBytes: number
}

/** Runs `linked`, the image without a snapshot; true when `path` is written anew. */
export function addSnapshot(linked: string, path: string): Promise<boolean> {
  const qemu = findExecutable(QEMU)
  if (qemu === undefined) {
    throw new BuildError(`Cannot make the snapshot: there is no ${QEMU}; try make doctor`)
  }
  return runStep({
    outputs: [path],
    key: [qemu, COMMAND_LINE, MEMORY_MIB].join('\0'),
    async run() {
      const memory = await guestMemory(qemu, linked)
      const sections = await writableSections(linked)
      await writeImage(linked, path, memory, sections)
      return [linked, import.meta.filename]
    },
  })
}

/** What the guest's memory holds when it has ended. */
async function guestMemory(qemu: string, linked: string): Promise<Buffer> {
  const file = `${linked}.memory`
  const size = `${MEMORY_MIB}M`
  // Without isa-debug-exit the guest switches its machine off, and QEMU's status is 0.
  const machine = [
    ...['-machine', 'q35,accel=tcg,memory-backend=ram', '-cpu', 'max', '-m', size],
    ...['-object', `memory-backend-file,id=ram,size=${size},mem-path=${file},share=on`],
    ...['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio'],
  ]
  const guest = ['-bios', 'qboot.rom', '-kernel', linked, '-append', COMMAND_LINE]
  const limit = ['--kill-after=1', String(SECONDS_MAX), qemu]
  try {
    rmSync(file, { force: true })
    const { status, stdout, stderr } = await tryTool('timeout', [...limit, ...machine, ...guest])
    if (status !== 0) {
      const words = (stderr || stdout).trimEnd() || `QEMU ends with status ${status}`
      throw new BuildError(`Cannot make the snapshot:\n${words}`)
    }
    const memory = readFileSync(file)
    return stdout === '' ? memory : fail(stdout)
  } finally {
    rmSync(file, { force: true })
  }
}

function fail(words: string): never {
  throw new BuildError(`Cannot make the snapshot: the guest says:\n${words.trimEnd()}`)
}

async function writableSections(linked: string): Promise<{ snapshot: Section; heap: Section }> {
  const table = await runTool('read the image', 'objdump', ['--section-headers', '--wide', linked])
  const section = (name: string): Section => {
    const words = table.split('\n').map((line) => line.trim().split(/\s+/))
    const found = words.find((line) => line[1] === name)
    if (found === undefined) throw new BuildError(`Cannot make the snapshot: no section ${name}`)
    return { address: Number.parseInt(found[3]!, 16), lengthBytes: Number.parseInt(found[2]!, 16) }
  }
  return { snapshot: section('.snapshot'), heap: section('.heap') }
}

async function writeImage(
  linked: string,
  path: string,
  memory: Buffer,
  sections: { readonly snapshot: Section; readonly heap: Section },
): Promise<void> {
  const [snapshot, heap] = [sections.snapshot, sections.heap].map(({ address, lengthBytes }) =>
    memory.subarray(address, address + lengthBytes),
  ) as [Buffer, Buffer]
  if (!snapshot.toString('latin1').startsWith(TAKEN)) {
    throw new BuildError('Cannot make the snapshot: the guest ended before it was taken')
  }
  const files = { snapshot: `${path}.snapshot`, heap: `${path}.heap` }
  writeFileSync(files.snapshot, snapshot)
  writeFileSync(files.heap, heap.subarray(0, Number(snapshot.readBigUInt64LE(TAKEN.length))))
  await runTool('put the snapshot into the image', 'objcopy', [
    ...['--update-section', `.snapshot=${files.snapshot}`],
    ...['--set-section-flags', '.heap=alloc,load,data,contents'],
    ...['--update-section', `.heap=${files.heap}`, linked, path],
  ])
  for (const file of Object.values(files)) rmSync(file)
}
