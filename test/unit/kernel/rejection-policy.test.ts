/**
 * An unhandled rejection costs a line where somebody is served, and the guest where nobody is or
 * where that is wanted.
 */
import { expect, it } from 'vitest'
import { Logger } from '../../../kernel/logger.ts'
import { RejectionPolicy } from '../../../kernel/rejection-policy.ts'

function policyOf(mode: 'log' | 'exit', isServing: boolean) {
  const lines: string[] = []
  const ends: unknown[] = []
  const policy = new RejectionPolicy({
    mode,
    isServing: () => isServing,
    log: new Logger('app', 'error', { write: (text) => lines.push(text), nowNs: () => 0 }),
    mapStackTrace: () => 'at it (app.ts:1:2)',
    end: (reason) => ends.push(reason),
  })
  return { policy, lines, ends }
}

it('is logged with its place, and counted, while the guest serves', () => {
  const { policy, lines, ends } = policyOf('log', true)
  policy.report(new RangeError('broken'))
  policy.report('a word')
  expect(lines.join('')).toMatch(
    /unhandled rejection: RangeError: broken\n.*at it \(app\.ts:1:2\)\n[\s\S]*thrown value: "a word"/,
  )
  expect([policy.logged, ends]).toEqual([2, []])
})

it.each([
  ['exit', true],
  ['log', false],
] as const)('ends the guest with unhandled=%s and isServing=%s', (mode, isServing) => {
  const { policy, lines, ends } = policyOf(mode, isServing)
  const reason = new Error('it')
  policy.report(reason)
  expect([policy.logged, ends, lines]).toEqual([0, [reason], []])
})
