/** PacketQueue against a model that is a plain list of packets. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  PACKET_LENGTH,
  PACKET_OFFSET,
  PACKET_WORDS,
  PacketQueue,
} from '../../../../net/storage/packet-queue.ts'

const CAPACITY_BYTES = 24
const CAPACITY_PACKETS = 8

const operation = fc.oneof(
  fc.record({ kind: fc.constant('append' as const), value: fc.nat({ max: 12 }) }),
  fc.record({ kind: fc.constant('first' as const), value: fc.constant(0) }),
  fc.record({ kind: fc.constant('any' as const), value: fc.nat({ max: 20 }) }),
)

interface ModelPacket {
  readonly slot: number
  readonly id: number
  readonly length: number
}

function slotsOf(queue: PacketQueue<unknown>): number[] {
  const slots: number[] = []
  for (let slot = queue.first(); slot >= 0; slot = queue.next(slot)) slots.push(slot)
  return slots
}

/** Every byte of a packet is its number, so that packets which share a byte show. */
function contentOf(queue: PacketQueue<string>): unknown[] {
  return slotsOf(queue).map((slot) => {
    const record = slot * queue.stride
    const offset = queue.words[record + PACKET_OFFSET]!
    const length = queue.words[record + PACKET_LENGTH]!
    const id = queue.words[record + PACKET_WORDS]!
    const isWhole = queue.bytes.subarray(offset, offset + length).every((byte) => byte === id)
    return { slot, id, length, tag: queue.tags[slot], isWhole }
  })
}

describe('PacketQueue', () => {
  it('keeps each packet whole and in order until it is released, in whatever order that is', () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const queue = new PacketQueue<string>(CAPACITY_BYTES, CAPACITY_PACKETS, 1)
        let packets: ModelPacket[] = []
        let id = 0
        for (const { kind, value } of operations) {
          if (kind === 'append') {
            const slot = queue.append(value)
            if (slot >= 0) {
              id++
              const record = slot * queue.stride
              const offset = queue.words[record + PACKET_OFFSET]!
              queue.bytes.fill(id, offset, offset + value)
              queue.words[record + PACKET_WORDS] = id
              queue.tags[slot] = `tag ${id}`
              packets.push({ slot, id, length: value })
            } else {
              // With nothing queued there is always room.
              expect(packets.length).toBeGreaterThan(0)
            }
          } else if (packets.length > 0) {
            const victim = packets[kind === 'first' ? 0 : value % packets.length]!
            queue.release(victim.slot)
            packets = packets.filter((packet) => packet !== victim)
          }
          expect(queue.count).toBe(packets.length)
          expect(contentOf(queue)).toEqual(
            packets.map((packet) => ({ ...packet, tag: `tag ${packet.id}`, isWhole: true })),
          )
        }
      }),
      { numRuns: 1000 },
    )
  })

  it('takes as many packets as it has slots and as many bytes as it has, no more', () => {
    const slots = new PacketQueue<never>(CAPACITY_BYTES, CAPACITY_PACKETS, 0)
    for (let count = 0; count < CAPACITY_PACKETS; count++) expect(slots.append(0)).toBe(count)
    expect(slots.append(0)).toBe(-1)
    const bytes = new PacketQueue<never>(CAPACITY_BYTES, CAPACITY_PACKETS, 0)
    expect(bytes.append(CAPACITY_BYTES + 1)).toBe(-1)
    expect(bytes.append(CAPACITY_BYTES - 4)).toBe(0)
    expect(bytes.append(5)).toBe(-1)
    expect(bytes.append(4)).toBe(1)
    expect(bytes.append(1)).toBe(-1)
    bytes.release(0)
    expect(bytes.append(CAPACITY_BYTES - 4)).toBe(2)
  })

  it('has room for ever when as much is released as is put in', () => {
    const queue = new PacketQueue<never>(CAPACITY_BYTES, CAPACITY_PACKETS, 0)
    queue.append(10)
    for (let round = 0; round < 100; round++) {
      expect(queue.append(10)).toBe((round + 1) % CAPACITY_PACKETS)
      queue.release(queue.first())
    }
  })

  it('lets a walk go on from a packet released on the way', () => {
    const queue = new PacketQueue<never>(CAPACITY_BYTES, CAPACITY_PACKETS, 0)
    for (let count = 0; count < 6; count++) queue.append(1)
    const seen: number[] = []
    for (let slot = queue.first(); slot >= 0; slot = queue.next(slot)) {
      seen.push(slot)
      if (slot !== 2) queue.release(slot)
    }
    expect(seen).toEqual([0, 1, 2, 3, 4, 5])
    expect(slotsOf(queue)).toEqual([2])
  })

  it('refuses a number of slots that is no power of two', () => {
    expect(() => new PacketQueue(10, 6, 0)).toThrow(RangeError)
  })
})
