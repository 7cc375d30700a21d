/** The connections of an HTTP service: when there are many, the longest idle one makes room for a new one. */
import { expect, it } from 'vitest'
import {
  type Connection,
  ConnectionTable,
  IDLE_CONNECTION_LIMIT,
} from '../../../../kernel/http/connection-table.ts'
import { FakeTcpSocket } from '../app/fake-tcp-socket.ts'

function openMany(count: number, isIdle: (index: number) => boolean) {
  const ended: number[] = []
  let opened = 0
  const clock = { nowMs: () => 0, after: () => undefined }
  const table = new ConnectionTable(clock, (): Connection => {
    const index = opened++
    return {
      // The later ones have been idle for longer: the order of arrival is not what counts.
      deadlineMs: 10_000 - index,
      isIdle: isIdle(index),
      advance() {},
      expire: () => ended.push(index),
    }
  })
  for (let index = 0; index < count; index++) table.start(new FakeTcpSocket().asSocket())
  return ended
}

it('closes nothing while there is room', () => {
  expect(openMany(IDLE_CONNECTION_LIMIT, () => true)).toEqual([])
})

it('closes the longest idle connection for one more (RFC 9112 §9.5), and never one with a request', () => {
  expect(openMany(IDLE_CONNECTION_LIMIT + 1, () => true)).toEqual([IDLE_CONNECTION_LIMIT - 1])
  expect(openMany(IDLE_CONNECTION_LIMIT + 1, (index) => index < 5)).toEqual([4])
  expect(openMany(IDLE_CONNECTION_LIMIT + 1, () => false)).toEqual([])
})
