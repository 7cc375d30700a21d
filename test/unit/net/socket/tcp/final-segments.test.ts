/** Last segments that wait for a neighbor, and those that wait for the device. */
import { beforeEach, expect, it } from 'vitest'
import { ORDINARY_FIELDS } from '../../../../../net/iface/flow-fields.ts'
import { NO_INTERFACE } from '../../../../../net/iface/host-addresses.ts'
import { PathNews, RETRY_INTERVAL_MS } from '../../../../../net/iface/path-news.ts'
import type { Egress, Flow } from '../../../../../net/iface/protocol-handler.ts'
import { createTransmitRecord } from '../../../../../net/phy/transmit-record.ts'
import { FinalSegments } from '../../../../../net/socket/tcp/reply/final-segments.ts'
import { ipv4Address } from '../../../../../net/wire/ip-address.ts'

const COUNT = 500

let finals: FinalSegments
let egress: Egress
let isUnresolved: boolean
let attempts: number
let isDeviceFull: boolean

beforeEach(() => {
  finals = new FinalSegments()
  attempts = 0
  isDeviceFull = false
  isUnresolved = true
  egress = {
    news: new PathNews(),
    isUnreachable: () => false,
    prepare: (flow: { isResolving: boolean }) => {
      attempts++
      flow.isResolving = isUnresolved
      return !isUnresolved
    },
    submit: () => !isDeviceFull,
  } as Partial<Record<keyof Egress, unknown>> as Egress
})

function addResets(count: number): void {
  for (let index = 0; index < count; index++) {
    const address = ipv4Address(index)
    const flow = { isResolving: false, record: createTransmitRecord(114), headerLength: 34 }
    finals.addReset(
      {
        ...{ localAddress: address, remoteAddress: address, interfaceIndex: 0 },
        ...{ peerZone: NO_INTERFACE, ipFields: ORDINARY_FIELDS, tableHash: 0, sentPorts: 0 },
        ...{ headerWord: 0, flow: flow as Partial<Flow> as Flow },
      },
      0,
      null,
    )
  }
}

it('are not tried in each turn while the neighbor is asked for, and leave when it answers', () => {
  addResets(COUNT)
  for (let turn = 0; turn < 20; turn++) expect(finals.dispatch(egress, 0)).toBe(false)
  expect(attempts).toBe(COUNT)
  // One more is tried, and none of the others with it.
  addResets(1)
  finals.dispatch(egress, 1)
  expect(attempts).toBe(COUNT + 1)
  finals.dispatch(egress, RETRY_INTERVAL_MS)
  expect(attempts).toBe(2 * COUNT + 2)
  isUnresolved = false
  egress.news.neighbors++
  expect(finals.dispatch(egress, RETRY_INTERVAL_MS + 1)).toBe(false)
  expect(finals.waiting).toEqual([])
})

it('are tried in each turn while the device takes none', () => {
  isUnresolved = false
  isDeviceFull = true
  addResets(3)
  for (let turn = 0; turn < 4; turn++) expect(finals.dispatch(egress, 0)).toBe(true)
  expect(attempts).toBe(12)
  isDeviceFull = false
  expect(finals.dispatch(egress, 0)).toBe(false)
  expect(finals.waiting).toEqual([])
})
