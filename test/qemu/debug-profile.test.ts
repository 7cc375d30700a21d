/** js-profile on the running image: samples tell which layers a transfer keeps busy. */
import { afterAll, beforeAll, describe, expect } from 'vitest'
import { GUEST, test } from './support/fixtures.ts'
import { copyImage, debugSession, removeImage } from './support/gdb-session.ts'

const SAMPLES = 60

test.override('guest', { ...GUEST, network: 'direct' })

let image = ''
beforeAll(() => {
  image = copyImage()
})
afterAll(() => removeImage(image))

describe('js-profile', () => {
  test('charges samples of a busy guest to functions and layers, from the app down to the driver', async ({
    site,
  }) => {
    const output = await debugSession(
      site,
      [
        // Past the boot: somebody is being sent something.
        'tbreak native_memory_barrier if $js_called("flush")',
        'continue',
        `js-profile ${SAMPLES}`,
        'js-profile none',
        'print engine_compiled[1] == compiled_interpret',
      ],
      { image, traffic: 'flood' },
    )
    const report = output[2]!
    const counts = /^(\d+) samples: (\d+) awake, (\d+) asleep, (\d+) unreadable$/m.exec(report)
    expect(counts, report).not.toBeNull()
    const [samples, awake, asleep, unreadable] = counts!.slice(1).map(Number)
    expect(samples).toBe(SAMPLES)
    expect(awake! + asleep! + unreadable!).toBe(SAMPLES)
    expect(awake).toBeGreaterThan(SAMPLES / 2)
    const layers = report.split('  layer\n')[1]!.split('\n\n')[0]!
    expect(layers).toMatch(/% {2}net\/socket$/m)
    const shares = [...layers.matchAll(/^ *([\d.]+)%/gm)].map((match) => Number(match[1]))
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(100, 0)
    expect(report).toMatch(/% {2}\w+ (net|drivers|kernel)\/[\w/-]+\.ts$/m)
    // It measures what runs without gdb, and leaves breakpoints and variables their bytecode.
    expect(report).not.toContain('was interpreted')
    expect(output[4]?.trim()).toBe('$1 = 1')
    expect(output[3]?.trim()).toBe("Cannot take 'none' samples: give a number from 1 to 10000")
  })
})
