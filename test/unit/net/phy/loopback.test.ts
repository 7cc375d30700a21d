/** Two devices joined in memory. */
import { expect, it } from 'vitest'
import { LoopbackDevice } from '../../../../net/phy/loopback.ts'
import { createReceivedFrame } from '../../../../net/phy/received-frame.ts'
import { ALL_IN_SOFTWARE } from '../../../support/fake-device.ts'
import { createPacketBuffer, testBulk } from '../../../support/memory.ts'
import { recordOf } from '../../../support/transmit-records.ts'

function createPair(queueLength: number): [LoopbackDevice, LoopbackDevice] {
  const create = (last: number) =>
    new LoopbackDevice(
      {
        capabilities: {
          maxTransmissionUnit: 1500,
          checksum: ALL_IN_SOFTWARE,
          segmentation: { tcpv4: 65_535 },
        },
        hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, last),
        queueLength,
      },
      { allocate: createPacketBuffer },
      testBulk,
    )
  const pair: [LoopbackDevice, LoopbackDevice] = [create(1), create(2)]
  LoopbackDevice.join(...pair)
  return pair
}

it('delivers header and both payload ranges in order, with their meta', () => {
  const [a, b] = createPair(2)
  const owner = { framesInFlight: 0 }
  const meta = { checksumStart: 34, segmentationOffloadSize: 1000 }
  const whole = Uint8Array.of(1, 2, 3, 4, 5, 6)
  expect(a.submit(recordOf(whole, { headerLength: 3, splitAt: 2, owner, meta }))).toBe(true)
  expect(owner.framesInFlight).toBe(1)
  a.reclaim()
  expect(owner.framesInFlight).toBe(0)
  const received = createReceivedFrame()
  expect(b.receive(received)).toBe(true)
  const { buffer, offset, length } = received.fragments[0]!
  expect([...buffer.bytes.subarray(offset, offset + length)]).toEqual([1, 2, 3, 4, 5, 6])
  expect(received).toMatchObject({ length: 6, fragmentCount: 1 })
  expect(received.meta).toEqual({
    checksumVerified: true,
    checksumPartial: true,
    segmentSize: 1000,
  })
  b.release(received)
  expect(b.receive(received)).toBe(false)
  expect(a.receive(received)).toBe(false)
})

it('refuses to send into a full queue, with the link down, or to nobody', () => {
  const [a, b] = createPair(2)
  const record = recordOf(Uint8Array.of(1, 2, 3))
  for (let count = 0; count < 2; count++) expect(a.submit(record)).toBe(true)
  expect(a.submit(record)).toBe(false)
  const received = createReceivedFrame()
  b.receive(received)
  b.release(received)
  a.link.isUp = false
  expect(a.submit(record)).toBe(false)
  a.link.isUp = true
  expect(a.submit(record)).toBe(true)
  expect(() => LoopbackDevice.join(a, b)).toThrow('Cannot join devices')
})
