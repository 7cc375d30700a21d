/** qemu-runner's fixtures for this project: the image as the guest, its ready event, and what `make postmortem` needs. */
import { quoteCommand } from 'qemu-runner'
import { test as base, type GuestOptions, type RunnerFixtures } from 'qemu-runner/vitest'
import type { ReadyEvent } from '../../../scripts/guest/ready-event.ts'
import { bundleImage } from './bundle-image.ts'
import { awaitReady, BUNDLES, IMAGE, requireImage } from './guest-site.ts'

/** What every guest of these tests has in common; `test.override('guest', { ...GUEST, … })` adds to it. */
export const GUEST: GuestOptions = { kernel: IMAGE, accel: 'tcg', timeoutMs: 110_000 }

interface ProjectFixtures extends Pick<RunnerFixtures, 'guest' | 'failureBundle'> {
  /** What `vm` said when it was ready. */
  ready: ReadyEvent
  imageExists: string
}

export const test = base.extend<ProjectFixtures>({
  guest: GUEST,
  failureBundle: {
    parent: BUNDLES,
    extend: bundleImage,
    reproduce: ({ file, name }) =>
      quoteCommand([
        ...['npx', 'vitest', 'run', '--config', 'test/vitest.config.ts', file],
        ...['-t', `^${name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}$`],
      ]),
  },
  // A test that cannot run has failed, and says what is missing.
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads the names from the pattern
  imageExists: [async ({}, use) => use(requireImage()), { auto: true }],
  ready: async ({ vm }, use) => use(await awaitReady(vm)),
})
