/**
 * Test projects: `unit` and `simulation` run on Node, `qemu` boots guests, a few at a time; those
 * of `qemu-alone` and `fleet` have the machine to themselves.
 */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** The image's build embeds pages as text; so do the tests. */
const htmlAsText = {
  name: 'html-as-text',
  enforce: 'pre',
  transform: (code: string, id: string) =>
    id.endsWith('.html') ? `export default ${JSON.stringify(code)}` : undefined,
} as const

const root = new URL('..', import.meta.url).pathname

/** What measures time, rates or counts is not to measure another test. */
const MEASURING = ['test/qemu/alone/**/*.test.ts', 'scripts/qemu-runner/test/relay.qemu.test.ts']

const CORES = availableParallelism()
/**
 * What runs on Node alone. Threads start in half the time of processes; each file has its own,
 * since what one leaves behind (mocks, cached modules) would decide what the next one sees.
 */
const IN_NODE = { pool: 'threads', maxWorkers: CORES } as const

/**
 * Guests boot, and answer within so many milliseconds, on a machine that may do anything beside
 * them. What fails once and then holds is named at the end of the run; what fails twice has failed.
 */
const ATTEMPTS_MORE = 1

/** A guest and its peer have a processor each while they are busy, and seldom both are. */
const GUESTS_AT_ONCE = Math.max(2, Math.floor(CORES / 2))

export default defineConfig({
  root,
  test: {
    projects: [
      {
        root,
        plugins: [htmlAsText],
        test: {
          name: 'unit',
          ...IN_NODE,
          include: ['test/*.test.ts', 'test/unit/**/*.test.ts', 'scripts/**/*.test.ts'],
          exclude: [
            '**/node_modules/**',
            'scripts/**/*.qemu.test.ts',
            'scripts/qemu-runner/example/**',
          ],
          // Property tests run thousands of cases: seconds on a quiet machine, many more on a
          // loaded one.
          testTimeout: 60_000,
        },
      },
      {
        root,
        test: {
          name: 'simulation',
          ...IN_NODE,
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        root,
        test: {
          name: 'qemu',
          include: ['test/qemu/**/*.test.ts', 'scripts/**/*.qemu.test.ts'],
          exclude: ['**/node_modules/**', ...MEASURING],
          maxWorkers: GUESTS_AT_ONCE,
          retry: ATTEMPTS_MORE,
          sequence: { groupOrder: 1 },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        root,
        test: {
          name: 'qemu-alone',
          include: MEASURING,
          fileParallelism: false,
          retry: ATTEMPTS_MORE,
          sequence: { groupOrder: 2 },
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        root,
        test: {
          name: 'fleet',
          include: ['test/fleet/**/*.test.ts', 'scripts/qemu-runner/example/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 3 },
          testTimeout: 120_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
})
