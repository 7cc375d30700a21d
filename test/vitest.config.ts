/**
 * Test projects: `unit` and `simulation` run in parallel on Node; `qemu` and `fleet` boot guests
 * one at a time.
 */
import { defineConfig } from 'vitest/config'

/** The image's build embeds pages as text; so do the tests. */
const htmlAsText = {
  name: 'html-as-text',
  enforce: 'pre',
  transform: (code: string, id: string) =>
    id.endsWith('.html') ? `export default ${JSON.stringify(code)}` : undefined,
} as const

const root = new URL('..', import.meta.url).pathname

export default defineConfig({
  root,
  test: {
    projects: [
      {
        root,
        plugins: [htmlAsText],
        test: {
          name: 'unit',
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
          include: ['test/simulation/**/*.test.ts'],
          testTimeout: 60_000,
        },
      },
      {
        root,
        test: {
          name: 'qemu',
          include: ['test/qemu/**/*.test.ts', 'scripts/**/*.qemu.test.ts'],
          exclude: ['**/node_modules/**'],
          fileParallelism: false,
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
          testTimeout: 120_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
})
