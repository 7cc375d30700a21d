/**
 * The order of test files: those known to take longest come first, so that the last minutes of a
 * run are not one worker's.
 */
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

const ROOT = new URL('..', import.meta.url).pathname

/** More than a share of its project's time; within a project the order is that of this list. */
const LONGEST = [
  'test/simulation/goodput.test.ts',
  'test/unit/drivers/virtio/net/transmit.test.ts',
  'test/simulation/loss-sweep.test.ts',
  'test/simulation/many-sockets.test.ts',
  'test/qemu/make-run.test.ts',
  'test/qemu/many-calls.test.ts',
  'test/qemu/examples.test.ts',
  'test/qemu/metrics.test.ts',
  'test/qemu/hostile-corpus.test.ts',
  'test/qemu/packages.test.ts',
  'test/qemu/make-dev.test.ts',
  'test/qemu/fetch-app.test.ts',
  'test/qemu/waiting/black-hole.test.ts',
  'test/qemu/waiting/clock.test.ts',
  'test/qemu/waiting/automatic-configuration.test.ts',
  'test/qemu/waiting/lossy-path.test.ts',
  'test/qemu/waiting/syn-flood.test.ts',
  'test/qemu/waiting/scanned.test.ts',
]

export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const missing = LONGEST.find((path) => !existsSync(join(ROOT, path)))
    if (missing !== undefined) throw new Error(`Cannot order test files: no ${missing}`)
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.indexOf(relative(ROOT, moduleId))
      return index < 0 ? LONGEST.length : index
    }
    const sorted = await super.sort(files)
    return sorted.sort((left, right) => rank(left) - rank(right))
  }
}
