/**
 * Receive-side scaling: what a device is told, when it is not, and what follows where it refuses
 * (virtio 1.4 §5.1.4.1, §5.1.6.5.7).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildTcpFrame } from '../../../../fakes/fake-frames.ts'
import {
  DEVICE_KINDS,
  type OpenNet,
  openNet,
  useDeviceKind,
  useRingFormat,
} from '../../../../fakes/open-devices.ts'
import {
  openPairs,
  type PairsRequest,
  pairCommandsOf,
  RSS,
  RSS_CONFIG,
  receiveAll,
  turn,
  VQ_PAIRS_SET,
} from '../../../../support/several-pairs.ts'

const KEY = Uint8Array.from({ length: 40 }, (_, index) => 7 * index + 3)
/** IPv4, TCPv4, UDPv4, IPv6, TCPv6, UDPv6; those of extension headers are left out. */
const HASHED = 0x3f

function openSteered(request: PairsRequest = {}): OpenNet {
  return openPairs({ features: RSS, steeringKey: KEY, ...request })
}

describe.each(DEVICE_KINDS)('a device that spreads flows as it is told, %s:', (kind) => {
  beforeEach(() => useDeviceKind(kind))
  afterEach(() => useRingFormat('split'))

  it.each([
    [2, 64],
    [3, 43],
    [4, 32],
  ])('is told of %d pairs, each with its share of the table', (pairs, most) => {
    const open = openSteered({ wanted: pairs })
    const { steering, queuePairs } = open.device.control
    expect(pairCommandsOf(open)).toEqual([RSS_CONFIG])
    expect(queuePairs).toBe(pairs)
    expect(steering).toMatchObject({ hashTypes: HASHED, unclassified: 0, key: KEY })
    expect(steering!.table).toHaveLength(128)
    for (let pair = 0; pair < pairs; pair++) {
      const share = steering!.table.filter((it) => it === pair).length
      expect(share).toBeLessThanOrEqual(most)
      expect(share).toBeGreaterThanOrEqual(Math.floor(128 / pairs))
    }
    expect(open.net.statistics).toMatchObject({ queuePairs: pairs, isSteered: true })
  })

  it('may have several pairs by RSS alone, and its control queue is behind all of them', () => {
    const features = RSS.filter((name) => name !== 'MQ')
    const open = openSteered({ features })
    expect(open.net.describe()).toMatchObject({ queuePairs: 4, offeredQueuePairs: 4 })
    expect(open.device.controlQueue.number).toBe(8)
    expect(open.net.statistics).toMatchObject({ queuePairs: 4, isSteered: true })
  })

  it('is not told to hash what it cannot', () => {
    const open = openSteered({ steering: { hashTypes: 0x1b } })
    expect(open.device.control.steering).toMatchObject({ hashTypes: 0x1b })
  })

  it.each([
    ['keys that are too short', { keyBytes: 39 }, /^keys of 39 octets are too short/],
    ['a table that is too short', { tableLength: 127 }, /^a table of 127 entries is too short/],
    ['no hash of TCP over IPv6', { hashTypes: 0x0f }, 'it does not hash TCP of both families'],
  ])('spreads them its own way with %s', (_title, steering, reason) => {
    const open = openSteered({ steering })
    expect(open.net.describe().refused.RSS).toMatch(reason)
    expect(pairCommandsOf(open)).toEqual([VQ_PAIRS_SET])
    expect(open.net.statistics).toMatchObject({ queuePairs: 4, isSteered: false })
  })

  it('spreads them its own way where there is no secret for it', () => {
    const open = openNet({ features: RSS, queuePairs: 4 })
    expect(open.net.describe().refused.RSS).toBe('there is no secret to spread flows by')
    expect(open.net.statistics).toMatchObject({ queuePairs: 4, isSteered: false })
  })

  it.each([
    ['queues=1', {}, 1, 'queues=1 is given'],
    ['one pair', { queuePairs: 1 }, null, 'the device has one pair of queues'],
    ['no pair', { claimedQueuePairs: 0 }, null, '0 pairs of queues is not between 1 and 32768'],
  ])('has nothing to spread with %s', (_title, options, wanted, reason) => {
    const open = openSteered({ ...options, wanted })
    expect(open.net.describe()).toMatchObject({ queuePairs: 1, refused: { RSS: reason } })
    expect(pairCommandsOf(open)).toEqual([])
  })

  it.each([
    ['goes on its own way', RSS, [RSS_CONFIG, VQ_PAIRS_SET], 4],
    ['goes on with one pair without MQ', RSS.filter((it) => it !== 'MQ'), [RSS_CONFIG], 1],
  ])('%s where it refuses', (_title, features, commands, queuePairs) => {
    const open = openSteered({ features })
    open.device.control.refused.add(RSS_CONFIG)
    open.device.control.commands.length = 0
    open.device.requestReset()
    turn(open)
    expect(pairCommandsOf(open)).toEqual(commands)
    expect(open.net.statistics).toMatchObject({ queuePairs, isSteered: false })
    expect(open.device.deliver(buildTcpFrame({}).bytes)).toBe(true)
    expect(receiveAll(open)).toHaveLength(1)
    expect(open.net.failure).toBe('')
  })

  it('is told the same again after a reset, and not before', () => {
    const open = openSteered()
    const before = open.device.control.steering
    open.device.requestReset()
    open.device.control.behavior = 'silent'
    turn(open)
    expect(open.net.statistics).toMatchObject({ queuePairs: 1, isSteered: false })
    open.device.control.behavior = 'ok'
    open.device.processControl()
    turn(open)
    expect(open.net.statistics).toMatchObject({ queuePairs: 4, isSteered: true, deviceResets: 1 })
    expect(open.device.control.steering).toEqual(before)
  })

  it('is given up when it comes back and hashes other frames', () => {
    const open = openSteered()
    open.device.config[20] = 0x1b
    open.device.requestReset()
    turn(open)
    expect(open.net.failure).toBe('needsReset, then it hashes other kinds of frames than before')
  })

  it('hears of a refill that it waits for on all receive queues', () => {
    for (const features of [RSS, RSS.filter((name) => name !== 'RSS')]) {
      const open = openSteered({ features })
      const { device } = open
      const frame = buildTcpFrame({ payloadLength: 10 }).bytes
      while (device.deliver(frame, { pair: 2 })) {}
      const before = device.queues.map(({ notifications }) => notifications)
      receiveAll(open)
      const told = device.queues.map(({ notifications }, queue) => notifications > before[queue]!)
      // QEMU keeps a frame for a full queue where it came from, which may be any of them.
      const all = features.includes('RSS')
      expect(told).toEqual([all, false, all, false, true, false, all, false, false])
    }
  })
})
