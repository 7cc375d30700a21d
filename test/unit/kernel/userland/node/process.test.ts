/** What packages find as `process`. */
import { expect, it, vi } from 'vitest'

vi.mock('eremite', () => ({ env: { NAME: 'given' } }))

const { process: ours } = await import('../../../../../kernel/userland/node/process.ts')

it('has the settings of whoever started the guest', () => {
  expect(ours.env).toEqual({ NAME: 'given' })
})

it('hrtime has less than a second of nanoseconds, however near the next one is', () => {
  const now = vi.spyOn(globalThis.performance, 'now').mockReturnValue(1_999.999_999_9)
  const time = ours.hrtime()
  now.mockRestore()
  expect(time).toEqual([1, 999_999_999])
})

it('nextTick calls with its values once the code that runs has ended, before a timer', async () => {
  const order: unknown[] = []
  setTimeout(() => order.push('timer'), 0)
  ours.nextTick((...values) => order.push(values), 1, 'two')
  order.push('running')
  await new Promise((resolve) => setTimeout(resolve, 5))
  expect(order).toEqual(['running', [1, 'two'], 'timer'])
})
