/**
 * Test projects: `unit` and `simulation` run on Node, `qemu` boots guests, a few at a time, and
 * `qemu-waiting` more of them; those of `qemu-alone` and `fleet` have the machine to themselves.
 */
import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { LongestFirst } from './longest-first.ts'

/** The image's build embeds pages as text; so do the tests. */
const htmlAsText = {
  name: 'html-as-text',
  enforce: 'pre',
  transform: (code: string, id: string) =>
    id.endsWith('.html') ? `export default ${JSON.stringify(code)}` : undefined,
} as const

const root = new URL('..', import.meta.url).pathname

/** What measures time, rates or counts is not to measure another test. */
const MEASURING = ['test/qemu/alone/**/*.test.ts']

/** What waits for times that protocols set: a third of a processor each, or less. */
const WAITING = [
  'test/qemu/waiting/**/*.test.ts',
  ...['no-orphans', 'relay', 'topology'].map(
    (name) => `scripts/qemu-runner/test/${name}.qemu.test.ts`,
  ),
]

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
const WAITING_AT_ONCE = 2 * GUESTS_AT_ONCE

const WITH_GUESTS = {
  retry: ATTEMPTS_MORE,
  testTimeout: 60_000,
  hookTimeout: 120_000,
} as const

export default defineConfig({
  root,
  test: {
    sequence: { sequencer: LongestFirst },
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
          ...WITH_GUESTS,
          include: ['test/qemu/**/*.test.ts', 'scripts/**/*.qemu.test.ts'],
          exclude: ['**/node_modules/**', ...WAITING, ...MEASURING],
          maxWorkers: GUESTS_AT_ONCE,
          sequence: { groupOrder: 1 },
        },
      },
      {
        root,
        test: {
          name: 'qemu-waiting',
          ...WITH_GUESTS,
          include: WAITING,
          maxWorkers: WAITING_AT_ONCE,
          sequence: { groupOrder: 2 },
        },
      },
      {
        root,
        test: {
          name: 'qemu-alone',
          ...WITH_GUESTS,
          include: MEASURING,
          fileParallelism: false,
          sequence: { groupOrder: 3 },
        },
      },
      {
        root,
        test: {
          name: 'fleet',
          include: ['test/fleet/**/*.test.ts', 'scripts/qemu-runner/example/*.test.ts'],
          fileParallelism: false,
          sequence: { groupOrder: 4 },
          testTimeout: 120_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
})
