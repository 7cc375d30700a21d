/**
 * The relay's decisions, without a network: its program agrees with the package's own draws, and
 * nonsense is refused.
 */
import { execFile } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { draw } from '../src/lan/seeded-draws.ts'
import { relayProgram } from '../src/relay/relay-program.ts'
import { type RelayOptions, relayCommand } from '../src/relay/relay-settings.ts'

const FRAMES = 20_000

/**
 * The fates of the first frames of both directions, a digit each: 1 lost, 2 doubled, 4 held, or
 * their sum.
 */
async function fates(options: RelayOptions): Promise<string[]> {
  const program = await relayProgram()
  return new Promise((resolve, reject) => {
    const child = execFile(program, ['--decide', String(FRAMES)], (error, stdout) => {
      if (error === null) resolve(stdout.trimEnd().split('\n'))
      else reject(error)
    })
    child.stdin?.end(`${relayCommand(options)}\n`)
  })
}

function expected(
  options: { seed: number },
  direction: number,
  chances: readonly number[],
): string {
  let text = ''
  for (let frame = 0; frame < FRAMES; frame++) {
    const happens = chances.map((chance, purpose) =>
      draw(options.seed, direction, frame, purpose) < chance ? 1 << purpose : 0,
    )
    text += String(happens.reduce((sum, bit) => sum + bit, 0))
  }
  return text
}

describe('a relay', () => {
  it('decides by seed, direction and number alone, as the LAN of this package does', async () => {
    const options = {
      seed: 20_260_101,
      loss: 0.05,
      duplication: 0.02,
      reordering: { probability: 0.1, holdMs: 3 },
    }
    const [fromGuest, toGuest] = await fates(options)
    expect(fromGuest === expected(options, 0, [0.05, 0.02, 0.1])).toBe(true)
    expect(toGuest === expected(options, 1, [0.05, 0.02, 0.1])).toBe(true)
    expect(fromGuest).not.toBe(toGuest)
    expect((await fates({ ...options, seed: 2 }))[0]).not.toBe(fromGuest)
  })

  it.each([0.001, 0.01, 0.05])(
    'loses a share of %s of one direction and nothing of the other',
    async (loss) => {
      const [fromGuest, toGuest] = await fates({
        seed: 1,
        loss: { probability: loss, direction: 'to-guest' },
      })
      expect(fromGuest).toMatch(/^0+$/)
      const lost = [...toGuest!].filter((fate) => fate === '1').length
      // Four standard deviations of a binomial distribution.
      expect(Math.abs(lost - FRAMES * loss)).toBeLessThan(4 * Math.sqrt(FRAMES * loss * (1 - loss)))
    },
  )

  it.each([
    [{ seed: 1.5 }, /seed is 1.5/],
    [{ seed: 1, loss: 5 }, /loss has probability 5; give 0 to 1/],
    [{ seed: 1, duplication: { probability: 0.1, direction: 'up' as never } }, /direction up/],
    [{ seed: 1, roundTripMs: -1 }, /roundTripMs is -1/],
    [{ seed: 1, queueBytes: Number.NaN }, /queueBytes is NaN/],
    [{ seed: 1, maximumPacketBytes: 67 }, /maximumPacketBytes is 67; give 68 or more, or 0/],
    [{ seed: 1, maximumPacketBytes: { bytes: 1300, direction: 'up' as never } }, /direction up/],
    [{ seed: 1, reordering: 0.01 }, 'holdMs is undefined; give { probability: 0.01, holdMs: 5 }'],
    [{ seed: 1, reordering: { probability: 0.1, holdMs: 0 } }, 'reordering.holdMs is 0'],
    [{ seed: 1, delayMs: 20 }, 'there is no "delayMs"; give seed, roundTripMs, loss,'],
    [{ seed: 1, harms: 'udp' }, 'harms is udp; give tcp or all'],
  ] as const)('refuses what makes no sense: %j', (options, message) => {
    expect(() => relayCommand(options as RelayOptions)).toThrow(message)
  })
})
