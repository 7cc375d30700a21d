/** Ten minutes in bounded memory: the oldest sample goes for the newest. */
import { expect, it } from 'vitest'
import { countRequest, forgetRequests } from '../../../../../kernel/userland/http/request-meter.ts'
import {
  History,
  MAX_SAMPLES,
  SAMPLE_FIELDS,
  SAMPLE_INTERVAL_MS,
} from '../../../../../kernel/userland/status/history.ts'

function open() {
  let seconds = 0
  let next: (() => void) | null = null
  forgetRequests()
  const history = new History({
    readings: () => ({
      ...{ uptimeNs: seconds * 1e9, sleptNs: seconds * 5e8 },
      ...{ sentBytes: seconds * 10, receivedBytes: seconds * 20, connections: 3 },
    }),
    after(delayMs, callback) {
      expect(delayMs).toBe(SAMPLE_INTERVAL_MS)
      next = callback
    },
  })
  const pass = (samples: number) => {
    for (let count = 0; count < samples; count++) {
      seconds += SAMPLE_INTERVAL_MS / 1000
      next!()
    }
  }
  return { history, pass }
}

it('begins at the start, and has a sample each ten seconds', () => {
  const { history, pass } = open()
  countRequest(0.7)
  pass(1)
  countRequest(7)
  countRequest(7)
  pass(1)
  const { fields, samples } = history.report()
  expect(fields).toEqual(SAMPLE_FIELDS)
  expect(samples).toEqual([
    [0, 0, 0, 0, 3, 0, 0, 0],
    [10, 100, 200, 5, 3, 1, 1, 1],
    [20, 200, 400, 10, 3, 3, 10, 10],
  ])
})

it('keeps ten minutes and no more, oldest first', () => {
  const { history, pass } = open()
  pass(1000)
  const { samples } = history.report()
  expect(samples).toHaveLength(MAX_SAMPLES)
  expect((MAX_SAMPLES * SAMPLE_INTERVAL_MS) / 60_000).toBe(10)
  expect(samples.map(([uptime]) => uptime)).toEqual(
    Array.from({ length: MAX_SAMPLES }, (_, index) => 10 * (1000 - MAX_SAMPLES + 1 + index)),
  )
})
