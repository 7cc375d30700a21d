/**
 * Several pairs of queues: how many are used, who goes by which, and that no queue holds up another
 * (virtio 1.4 §5.1.2, §5.1.6.5.6).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { BeginningRules } from '../../../../../net/phy/frame-rules.ts'
import { buildTcpFrame } from '../../../../fakes/fake-frames.ts'
import type { NetFeatureName } from '../../../../fakes/fake-virtio-net.ts'
import {
  DEVICE_KINDS,
  type OpenNet,
  openNet,
  useDeviceKind,
  useRingFormat,
} from '../../../../fakes/open-devices.ts'
import { MQ, openPairs, receiveAll, turn, VQ_PAIRS_SET } from '../../../../support/several-pairs.ts'
import { recordOf } from '../../../../support/transmit-records.ts'

function frameOf(sequence: number): Uint8Array {
  return buildTcpFrame({ payloadLength: 10, sequence }).bytes
}

/** A flow of four pairs' that goes by this one. */
function hashOf(pair: number): number {
  for (let hash = 0; ; hash++) {
    if ((Math.imul(hash, 0x9e3779b1) >>> 16) % 4 === pair) return hash
  }
}

function send(open: OpenNet, flowHash: number): boolean {
  const record = recordOf(frameOf(1))
  record.flowHash = flowHash
  return open.net.tx.submit(record)
}

describe.each(DEVICE_KINDS)('a device of several pairs, %s:', (kind) => {
  beforeEach(() => useDeviceKind(kind))
  afterEach(() => useRingFormat('split'))

  describe('how many are used', () => {
    it.each([
      ['all of two', 2, null, 2],
      ['four of eight', 8, null, 4],
      ['as many as queues= says', 8, 3, 3],
      ['no more than there are', 2, 8, 2],
    ])('is %s', (_title, offered, wanted, used) => {
      const { net, device } = openPairs({ queuePairs: offered, receiveQueueSize: 1024, wanted })
      expect(net.describe()).toMatchObject({ queuePairs: used, offeredQueuePairs: offered })
      expect(device.control.queuePairs).toBe(used)
      expect(net.statistics.queuePairs).toBe(used)
      expect(device.queues.filter((queue) => queue.enabled)).toHaveLength(2 * used + 1)
      // "2N: controlq", whatever the driver uses of N.
      expect(device.controlQueue.number).toBe(2 * offered)
    })

    it('is one with queues=1, and then nothing is negotiated', () => {
      const { net, device } = openPairs({ wanted: 1 })
      expect(net.describe()).toMatchObject({ queuePairs: 1, offeredQueuePairs: 1 })
      expect(net.describe().refused).toMatchObject({ MQ: 'queues=1 is given' })
      expect(device.control.commands).not.toContain(VQ_PAIRS_SET)
    })

    it.each([
      ['0', 0, '0 pairs of queues is not between 1 and 32768'],
      ['0x8001', 0x8001, '32769 pairs of queues is not between 1 and 32768'],
      ['1', 1, 'the device has one pair of queues'],
    ])('is one when max_virtqueue_pairs is %s', (_title, claimedQueuePairs, reason) => {
      const { net } = openPairs({ queuePairs: 1, claimedQueuePairs })
      expect(net.describe().refused).toMatchObject({ MQ: reason })
      expect(net.describe().queuePairs).toBe(1)
    })

    it('is one without CTRL_VQ: nobody could say that it is more', () => {
      const features = MQ.filter((name) => !/^CTRL|ANNOUNCE/.test(name))
      const { net } = openNet({ features, queuePairs: 4 })
      expect(net.describe()).toMatchObject({ queuePairs: 1, offeredQueuePairs: 1 })
      expect(net.describe().refused.MQ).toMatch(/^requires CTRL_VQ/)
    })

    it('fails the device that claims pairs which it does not have', () => {
      expect(() => openPairs({ queuePairs: 2, claimedQueuePairs: 0x8000 })).toThrow(
        /queue \d+ has a size of 0/,
      )
    })

    it('stays one where the device refuses or does not answer, and all goes on with that one', () => {
      for (const behavior of ['refuse', 'silent'] as const) {
        const open = openNet({ features: MQ, queuePairs: 4 })
        if (behavior === 'refuse') open.device.control.refused.add(VQ_PAIRS_SET)
        else open.device.control.behavior = 'silent'
        open.device.requestReset()
        turn(open)
        expect(open.net.statistics.deviceResets).toBe(1)
        expect(open.net.statistics.queuePairs).toBe(1)
        for (let hash = 0; hash < 8; hash++) expect(send(open, hash)).toBe(true)
        open.net.tx.flush()
        open.device.deliver(frameOf(7))
        expect(receiveAll(open)).toEqual([{ pair: 0, sequence: 7 }])
        expect(open.net.failure).toBe('')
      }
    })
  })

  describe('sending', () => {
    it('keeps a flow in one queue, in its order, and spreads flows over all', () => {
      const open = openPairs()
      const { net, device } = open
      device.autoProcess = false
      for (let hash = 0; hash < 40; hash++) expect(send(open, hash)).toBe(true)
      net.tx.flush()
      const counts = [0, 1, 2, 3].map((pair) => device.queues[2 * pair + 1]!.availableCount())
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(7)
      expect(counts.reduce((sum, count) => sum + count)).toBe(40)
      expect(net.statistics.pairs.map(({ transmittedFrames }) => transmittedFrames)).toEqual(counts)
      const sequences: number[] = []
      device.onFrame = (frame) =>
        sequences.push(new DataView(frame.buffer).getUint32(38 + frame.byteOffset))
      for (let pair = 0; pair < 4; pair++) device.processTransmit(Infinity, pair)
      for (let sequence = 0; sequence < 20; sequence++) {
        const record = recordOf(frameOf(sequence))
        record.flowHash = 0x1234500
        expect(net.tx.submit(record)).toBe(true)
      }
      net.tx.flush()
      sequences.length = 0
      for (let pair = 0; pair < 4; pair++) device.processTransmit(Infinity, pair)
      expect(sequences).toEqual(Array.from({ length: 20 }, (_, index) => index))
    })

    it('notifies only of the queues that frames were put into', () => {
      const open = openPairs()
      const before = open.device.queues.map(({ notifications }) => notifications)
      send(open, hashOf(2))
      open.net.tx.flush()
      const after = open.device.queues.map(
        ({ notifications }, index) => notifications - before[index]!,
      )
      expect(after).toEqual([0, 0, 0, 0, 0, 1, 0, 0, 0])
    })

    it('goes on by the other queues while one is full, which says when it has room', () => {
      const open = openPairs()
      const { net, device, hal } = open
      device.autoProcess = false
      let count = 0
      while (send(open, hashOf(1))) count++
      expect(count).toBeGreaterThan(16)
      for (const pair of [0, 2, 3]) expect(send(open, hashOf(pair))).toBe(true)
      net.tx.flush()
      expect(send(open, hashOf(1))).toBe(false)
      const before = hal.interruptCounters[0]!
      device.processTransmit(Infinity, 1)
      expect(hal.interruptCounters[0]!).toBeGreaterThan(before)
      net.tx.reclaim()
      expect(send(open, hashOf(1))).toBe(true)
    })
  })

  describe('receiving', () => {
    it('takes frames of all queues, each queue in its order', () => {
      const open = openPairs()
      for (let sequence = 0; sequence < 24; sequence++) {
        expect(open.device.deliver(frameOf(sequence), { pair: sequence % 4 })).toBe(true)
      }
      const seen = receiveAll(open)
      for (let pair = 0; pair < 4; pair++) {
        const ofPair = seen.filter((it) => it.pair === pair).map(({ sequence }) => sequence)
        expect(ofPair).toEqual([0, 1, 2, 3, 4, 5].map((index) => 4 * index + pair))
      }
      expect(open.net.statistics.pairs.map(({ receivedFrames }) => receivedFrames)).toEqual([
        6, 6, 6, 6,
      ])
    })

    it('gives each queue its share, whichever of them is flooded', () => {
      for (let flooded = 0; flooded < 4; flooded++) {
        const open = openPairs({ receiveQueueSize: 1024, transmitQueueSize: 1024 })
        let sequence = 0
        while (sequence < 30) open.device.deliver(frameOf(sequence++), { pair: flooded })
        const others = [0, 1, 2, 3].filter((pair) => pair !== flooded)
        for (const pair of others) open.device.deliver(frameOf(1000), { pair })
        // What a flood brings meanwhile changes nothing.
        const first = receiveAll(open, 8)
        while (sequence < 36) open.device.deliver(frameOf(sequence++), { pair: flooded })
        const pairs = [...first, ...receiveAll(open, 11)].map(({ pair }) => pair)
        for (const pair of others) expect(pairs).toContain(pair)
        expect(receiveAll(open).every(({ pair }) => pair === flooded)).toBe(true)
      }
    })

    it('looks ahead in the queue whose turn it is, and what is skipped ends that turn', () => {
      const open = openPairs()
      const { net, device } = open
      const tcp = new BeginningRules([[{ offset: 23, value: 6 }]])
      expect(net.rx.lookahead.upcoming(tcp)).toBe(0)
      for (let sequence = 0; sequence < 5; sequence++)
        device.deliver(frameOf(sequence), { pair: 2 })
      device.deliver(frameOf(9), { pair: 3 })
      expect(net.rx.lookahead.upcoming(tcp)).toBe(5)
      expect(net.rx.lookahead.queueIndex).toBe(2)
      net.rx.lookahead.skip(3)
      expect(net.rx.lookahead.upcoming(tcp)).toBe(1)
      expect(net.rx.lookahead.queueIndex).toBe(3)
      expect(receiveAll(open).map(({ sequence }) => sequence)).toEqual([9, 3, 4])
      expect(net.statistics.pairs.map(({ receivedFrames }) => receivedFrames)).toEqual([0, 0, 5, 1])
    })

    it('gives buffers back to the queue that they are of, for any number of frames', () => {
      const open = openPairs()
      for (let round = 0; round < 300; round++) {
        for (let pair = 0; pair < 4; pair++) {
          expect(open.device.deliver(frameOf(round), { pair })).toBe(true)
        }
        expect(receiveAll(open)).toHaveLength(4)
      }
      expect(open.net.statistics.deviceViolations).toEqual({})
    })

    it('is woken by any of them, and does not sleep while one has something', () => {
      const open = openPairs()
      const { net, device, hal } = open
      for (let pair = 0; pair < 4; pair++) {
        expect(net.armInterrupts()).toBe(true)
        const before = hal.interruptCounters[0]!
        device.deliver(frameOf(1), { pair })
        expect(hal.interruptCounters[0]!).toBeGreaterThan(before)
        open.interrupts.dispatch()
        expect(net.armInterrupts()).toBe(false)
        net.disarmInterrupts()
        expect(receiveAll(open)).toHaveLength(1)
        device.deliver(frameOf(2), { pair })
        expect(receiveAll(open)).toHaveLength(1)
      }
    })

    it('watches the queue heard last, and has the others interrupt', () => {
      const open = openPairs()
      const { net, device, hal } = open
      device.deliver(frameOf(1), { pair: 2 })
      receiveAll(open)
      const word = { ...net.watch()! }
      const read = () =>
        new DataView(open.hal.resolveDma(word.address, 2).slice().buffer).getUint16(0, true)
      expect(read() & word.mask).toBe(word.value)
      const before = hal.interruptCounters[0]!
      device.deliver(frameOf(2), { pair: 2 })
      expect(read() & word.mask).not.toBe(word.value)
      expect(hal.interruptCounters[0]!).toBe(before)
      device.deliver(frameOf(3), { pair: 0 })
      expect(hal.interruptCounters[0]!).toBeGreaterThan(before)
      expect(receiveAll(open)).toHaveLength(2)
    })
  })

  describe('reset', () => {
    it('rebuilds all queues, and asks for the pairs again', () => {
      const open = openPairs()
      const owner = { framesInFlight: 0 }
      const { net, device } = open
      device.autoProcess = false
      for (let pair = 0; pair < 4; pair++) {
        const record = recordOf(buildTcpFrame({ payloadLength: 1000 }).bytes, {
          headerLength: 54,
          owner,
          allocate: (lengthBytes) => open.hal.allocateDma(lengthBytes, 8),
        })
        record.flowHash = hashOf(pair)
        expect(net.tx.submit(record)).toBe(true)
        device.deliver(frameOf(pair), { pair })
      }
      net.tx.flush()
      expect(owner.framesInFlight).toBe(4)
      device.requestReset()
      turn(open)
      expect(net.statistics.deviceResets).toBe(1)
      expect(owner.framesInFlight).toBe(0)
      expect(device.control.queuePairs).toBe(4)
      for (let pair = 0; pair < 4; pair++) {
        expect(send(open, hashOf(pair))).toBe(true)
        expect(device.deliver(frameOf(10 + pair), { pair })).toBe(true)
      }
      net.tx.flush()
      for (let pair = 0; pair < 4; pair++) expect(device.processTransmit(Infinity, pair)).toBe(1)
      expect(
        receiveAll(open)
          .map(({ sequence }) => sequence)
          .sort(),
      ).toEqual([10, 11, 12, 13])
    })

    it('stops a device that comes back with another number of pairs', () => {
      const open = openPairs()
      open.device.config[8] = 3
      open.device.requestReset()
      turn(open)
      expect(open.net.failure).toBe('needsReset, then it has 3 pairs of queues, not 4')
    })
  })

  describe('of a device that lies', () => {
    it.each([0, 1, 2, 3])('in receive queue %d, all are healed', (pair) => {
      const open = openPairs()
      const { net, device } = open
      device.deliver(frameOf(1), { pair: 3 })
      const queue = device.queues[2 * pair]!
      const chain = queue.take()!
      queue.giveBack(chain, 1 << 20)
      queue.publish()
      expect(receiveAll(open).length).toBeLessThanOrEqual(1)
      turn(open)
      expect(net.statistics.deviceViolations).toEqual({ usedLength: 1 })
      expect(net.statistics.deviceResets).toBe(1)
      for (let other = 0; other < 4; other++) {
        expect(device.deliver(frameOf(other), { pair: other })).toBe(true)
      }
      expect(receiveAll(open)).toHaveLength(4)
    })

    it('nothing is read from queues that it was not asked to use', () => {
      const open = openPairs()
      const { net, device } = open
      device.control.refused.add(VQ_PAIRS_SET)
      device.requestReset()
      turn(open)
      device.strict = false
      device.deliver(frameOf(5), { pair: 2 })
      device.deliver(frameOf(6), { pair: 0 })
      expect(receiveAll(open)).toEqual([{ pair: 0, sequence: 6 }])
      expect(net.armInterrupts()).toBe(true)
      expect(net.statistics.deviceViolations).toEqual({ needsReset: 1 })
    })
  })

  it('coalesces interrupts of each receive queue', () => {
    const features: NetFeatureName[] = [...MQ, 'VQ_NOTF_COAL']
    const { device } = openNet({ features, queuePairs: 4 }, null, 50)
    expect([...device.control.queueDelaysUs]).toEqual([
      [0, 50],
      [2, 50],
      [4, 50],
      [6, 50],
    ])
  })
})

describe('interrupt vectors', () => {
  beforeEach(() => useDeviceKind('split ring on PCI'))

  it.each([1, 2, 3, 5, 9, 10])('are shared where there are %d for nine queues', (vectors) => {
    const open = openPairs({ vectors })
    const { net, device, hal } = open
    expect(net.describe().interruptMode).toBe('msix')
    expect(new Set(device.queues.map(({ vector }) => vector)).size).toBe(
      Math.max(1, Math.min(vectors - 1, 9)),
    )
    for (let pair = 0; pair < 4; pair++) {
      expect(net.armInterrupts()).toBe(true)
      const before = hal.interruptCounters[0]!
      device.deliver(frameOf(pair), { pair })
      expect(hal.interruptCounters[0]!).toBe(before + 1)
      net.disarmInterrupts()
      expect(receiveAll(open)).toHaveLength(1)
    }
  })
})
