/** The image's snapshot, against what other machines make of the same program. */
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { writeStrippedImage } from '../package/stripped-image.ts'
import { runTool } from './run-tool.ts'
import { type SnapshotMachine, takeSnapshot } from './snapshot.ts'

const TARGET = join(import.meta.dirname, '../../build/x86_64')
const LINKED = join(TARGET, 'obj/eremite.linked.elf')
const IMAGE = join(TARGET, 'eremite.elf')

const OTHER: SnapshotMachine = {
  type: 'pc',
  memoryMiB: 160,
  more: ['-cpu', 'qemu64', '-smp', '2', '-rtc', 'base=2003-02-01T04:05:06'],
}

// boot/README.md: "nothing before `main()` depends on the machine"
test('the snapshot in the image is what another machine makes of it on another day', async () => {
  const { snapshot, heap } = await takeSnapshot(LINKED, OTHER)
  expect(heap.length).toBeGreaterThan(2 ** 20)
  const image = await readFile(IMAGE)
  expect(image.includes(snapshot)).toBe(true)
  expect(image.includes(heap)).toBe(true)
})

test('a guest that says anything while the snapshot is made fails the build with its words', async () => {
  const more = [...OTHER.more, '-append', 'nonsense=1']
  await expect(takeSnapshot(LINKED, { ...OTHER, more })).rejects.toThrow(
    /^Cannot make the snapshot: .*nonsense/s,
  )
})

test('an image stripped for a package keeps all that is loaded', async ({ onTestFinished }) => {
  const folder = await mkdtemp(join(tmpdir(), 'eremite-stripped-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const stripped = join(folder, 'eremite.elf')
  await writeStrippedImage(IMAGE, stripped)
  const segments = async (path: string) =>
    (await runTool('read the image', 'readelf', ['--segments', '--wide', path]))
      .split('\n')
      .filter((line) => /^\s+LOAD/.test(line))
      .map((line) => line.trim().split(/\s+/).slice(2).join(' '))
  const loaded = await segments(IMAGE)
  expect(loaded.length).toBeGreaterThan(3)
  expect(await segments(stripped)).toEqual(loaded)
  expect((await stat(stripped)).size).toBeLessThan((await stat(IMAGE)).size)
})
