/** What waits for one way or neighbor in a socket's queue, and for how long. */
import { beforeEach, expect, it } from 'vitest'
import { NO_INTERFACE } from '../../../../../net/iface/host-addresses.ts'
import { PathNews } from '../../../../../net/iface/path-news.ts'
import type { Egress, Flow } from '../../../../../net/iface/protocol-handler.ts'
import type { FlowEntry } from '../../../../../net/socket/datagram/flow-cache.ts'
import { QueueMemory } from '../../../../../net/socket/datagram/queue-memory.ts'
import { Rest, SEND_HOLD_MS, SendQueue } from '../../../../../net/socket/datagram/send-queue.ts'
import { testBulk } from '../../../../support/memory.ts'

const NEWS = new PathNews()
const EGRESS = {
  ...{ wayCount: 2, news: NEWS, isCutOff: () => false, isUnreachable: () => false },
} as Partial<Egress>

let queue: SendQueue
let drops: { unresolved: number; interfaceFull: number; unreachable: number; tooLong: number }
/** Ways that take nothing. */
let stuck: Set<number>
let round: number

beforeEach(() => {
  drops = { unresolved: 0, interfaceFull: 0, unreachable: 0, tooLong: 0 }
  queue = new SendQueue(testBulk, new QueueMemory(), 4096, 16, drops)
  queue.open()
  stuck = new Set()
  round = 0
})

function entry(way: number, isResolving: boolean): FlowEntry {
  return {
    flow: { isResolving } as Flow,
    ...{ local: null, interfaceIndex: NO_INTERFACE, expiresMs: Number.POSITIVE_INFINITY },
    ...{ hopLimit: 64, trafficClass: 0, isGroup: false, way, waitedRound: -1 },
    ...{ triedNews: 0, retryMs: 0, waitingMs: 0, ports: 0, earlierPorts: 0 },
  }
}

function add(to: FlowEntry): void {
  expect(queue.append(to, 9, Uint8Array.of(1), 0, 1)).toBeGreaterThanOrEqual(0)
}

function transmit(nowMs: number): Rest {
  const emitter = {
    maximumPayload: () => 1472,
    emit: (_socket: null, to: FlowEntry) => !to.flow.isResolving && !stuck.has(to.way),
  }
  return queue.transmit(null, emitter, EGRESS as Egress, ++round, nowMs)
}

it('sets no deadline for a way whose datagrams were dropped while a neighbor is waited for', () => {
  stuck.add(0)
  add(entry(0, false))
  expect(transmit(0)).toBe(Rest.Refused)
  expect(queue.overdueMs()).toBe(SEND_HOLD_MS)
  add(entry(1, true))
  expect(transmit(SEND_HOLD_MS)).toBe(Rest.Waiting)
  expect([queue.count(), drops.interfaceFull]).toEqual([1, 1])
  expect(queue.overdueMs()).toBe(Number.POSITIVE_INFINITY)
})

it.each(['a neighbor', 'another way'])('gives a way its whole time anew while %s waits', (what) => {
  stuck.add(0).add(1)
  add(entry(0, false))
  transmit(0)
  add(what === 'a neighbor' ? entry(1, true) : entry(1, false))
  transmit(SEND_HOLD_MS)
  const laterMs = 1.5 * SEND_HOLD_MS
  add(entry(0, false))
  expect(transmit(laterMs)).toBe(Rest.Refused)
  expect([queue.count(), drops.interfaceFull]).toEqual([2, 1])
  transmit(laterMs + SEND_HOLD_MS - 1)
  expect(drops.interfaceFull).toBe(what === 'a neighbor' ? 1 : 2)
  transmit(laterMs + SEND_HOLD_MS)
  expect([queue.count(), drops.interfaceFull]).toEqual(what === 'a neighbor' ? [1, 2] : [0, 3])
})
