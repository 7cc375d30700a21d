/**
 * qemu-runner's fixtures for this project: the image as the guest, its ready event, and what `make
 * postmortem` needs.
 */
import { quoteCommand } from 'qemu-runner'
import { test as base, type GuestOptions, type RunnerFixtures } from 'qemu-runner/vitest'
import type { ReadyEvent } from '../../../scripts/guest/ready-event.ts'
import { bundleImage } from './bundle-image.ts'
import { BUNDLES, IMAGE, requireImage } from './paths.ts'
import { awaitReady, Site } from './site.ts'
import { Tester } from './tester.ts'

/**
 * What every guest of these tests has in common; `test.override('guest', { ...GUEST, … })` adds to
 * it.
 */
export const GUEST: GuestOptions = { kernel: IMAGE, accel: 'tcg', timeoutMs: 110_000 }

/** What a failed test's bundle has beside what qemu-runner puts there, and where it goes. */
export const BUNDLE = { parent: BUNDLES, extend: bundleImage } as const

interface ProjectFixtures extends Pick<RunnerFixtures, 'guest' | 'failureBundle'> {
  /** What `vm` said when it was ready. */
  ready: ReadyEvent
  /**
   * `topology`, `peer` and `folder` as one, with captures; a guest of its own kind of network boots
   * on it.
   */
  site: Site
  /** The test on the guest's LAN, once the guest is ready and knows its hardware address. */
  tester: Tester
  imageExists: string
}

export const test = base.extend<ProjectFixtures>({
  guest: GUEST,
  failureBundle: {
    ...BUNDLE,
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
  site: async ({ topology, peer, folder, launchGuest }, use) =>
    use(new Site({ topology, peer, folder, launch: launchGuest })),
  tester: async ({ vm, lan }, use) => {
    await awaitReady(vm)
    const tester = new Tester(lan)
    await tester.introduce()
    await use(tester)
  },
})
