/**
 * ACKs that a sender without SACK counts: one for each segment that is out of order or fills a gap
 * (RFC 5681 §4.2), whatever the batch.
 */
import { describe, expect, it } from 'vitest'
import { data, fin, type SentSegment, TcpScript } from '../../../../support/tcp-script.ts'

const MSS = 1400

function established() {
  const script = new TcpScript()
  return { script, ...script.establish() }
}

/** The peer's segment number `index`, from 0. */
const segment = (index: number, count = 1) =>
  data(1 + index * MSS, new Uint8Array(count * MSS), count > 1 ? { coalescedFrom: MSS } : {})

/** Pure ACKs only: those that RFC 5681 §2 lets count. */
function acknowledgments(sent: SentSegment[]): number[] {
  for (const { flags, length } of sent) expect([flags, length]).toEqual(['A', 0])
  return sent.map(({ acknowledgment }) => (acknowledgment - 1) / MSS)
}

describe('segments behind a hole, back to back', () => {
  it.each([1, 4, 20, 64])('%i of them are as many duplicate ACKs with one window', (count) => {
    const { script } = established()
    script.send(...Array.from({ length: count }, (_, index) => segment(1 + index)))
    const sent = script.drain()
    expect(acknowledgments(sent)).toEqual(new Array(count).fill(0))
    expect(new Set(sent.map(({ window }) => window)).size).toBe(1)
  })

  it('come after the ACK of what was in order before them in the batch', () => {
    const { script } = established()
    script.send(segment(0), segment(1), segment(3), segment(4), segment(5))
    expect(acknowledgments(script.drain())).toEqual([2, 2, 2, 2])
  })

  it('have duplicates of one window though the user reads meanwhile (RFC 5681 §2 (e))', () => {
    const { script, socket, log } = established()
    log.onReadable = () => socket.discard(socket.receivedLength)
    script.send(...[0, 1, 2, 3].map((index) => segment(index)))
    script.drain()
    script.send(segment(4), segment(6), segment(7), segment(8))
    const sent = script.drain()
    expect(acknowledgments(sent)).toEqual([5, 5, 5])
    expect(new Set(sent.map(({ window }) => window)).size).toBe(1)
  })

  it('are acknowledged without data, whatever waits to be sent (RFC 5681 §2 (b))', () => {
    const { script, socket } = established()
    script.send(segment(1))
    socket.send(new Uint8Array(10), 0, 10)
    script.expectSegments(
      { flags: 'A', acknowledgment: 1, length: 0 },
      { flags: 'PA', acknowledgment: 1, length: 10 },
    )
  })

  it('count again when they come again', () => {
    const { script } = established()
    script.send(segment(1), segment(1), segment(1))
    expect(acknowledgments(script.drain())).toEqual([0, 0, 0])
  })

  it('count though there is no room to remember them', () => {
    const { script } = established()
    const holes = Array.from({ length: 70 }, (_, index) => data(3 + 2 * index, 'x'))
    script.send(...holes)
    expect(acknowledgments(script.drain())).toEqual(new Array(70).fill(0))
    expect(script.tcp.statistics.drops.tooManyRanges).toBe(6)
  })

  it('count when all they carry is a FIN, the second time too', () => {
    const { script } = established()
    const last = fin(1 + 2 * MSS)
    script.send(segment(1), last, last)
    expect(acknowledgments(script.drain())).toEqual([0, 0, 0])
    script.send(segment(0))
    script.expectSegments({ flags: 'A', acknowledgment: 2 + 2 * MSS })
  })
})

describe('segments that fill a gap, back to back', () => {
  it('have an ACK each, of the number that each has brought about', () => {
    const { script } = established()
    script.send(segment(1), segment(3), segment(5))
    script.drain()
    script.send(segment(0), segment(2), segment(4))
    expect(acknowledgments(script.drain())).toEqual([2, 4, 6])
  })

  it('have one also where they fill only part of it', () => {
    const { script } = established()
    script.send(segment(4))
    script.drain()
    script.send(segment(0), segment(1), segment(2))
    expect(acknowledgments(script.drain())).toEqual([1, 2, 3])
  })

  it('leave the segments after the gap to the batch again', () => {
    const { script } = established()
    script.send(segment(1))
    script.drain()
    script.send(segment(0), segment(2), segment(3), segment(4), segment(5))
    expect(acknowledgments(script.drain())).toEqual([2, 6])
  })

  it('between others make no false duplicates: each ACK has the number of its moment', () => {
    const { script } = established()
    script.send(segment(1), segment(2), segment(0), segment(4), segment(5))
    expect(acknowledgments(script.drain())).toEqual([0, 0, 3, 3, 3])
  })
})

describe('frames that the host has merged', () => {
  it('are as many duplicates as segments, but no more than start a fast retransmit', () => {
    for (const [count, duplicates] of [
      [2, 2],
      [3, 3],
      [40, 3],
    ] as const) {
      const { script } = established()
      script.send(segment(1, count))
      expect(acknowledgments(script.drain())).toEqual(new Array(duplicates).fill(0))
    }
  })

  it('are bounded also where the device says that they were single octets', () => {
    const { script } = established()
    script.send(data(1 + MSS, new Uint8Array(60_000), { coalescedFrom: 1 }))
    expect(acknowledgments(script.drain())).toEqual([0, 0, 0])
  })

  it('that fill a gap have one ACK: a second one would count as a duplicate', () => {
    const { script } = established()
    script.send(segment(10))
    script.drain()
    script.send(segment(0, 10))
    expect(acknowledgments(script.drain())).toEqual([11])
  })
})

it('a user who reads makes no duplicates where the window field is at its limit already (RFC 5681 §2)', () => {
  const { script, socket } = established()
  script.send(...[0, 1, 2, 3].map((index) => segment(index)))
  expect(acknowledgments(script.drain())).toEqual([4])
  for (let read = 0; read < 4; read++) {
    socket.consume(MSS)
    script.expectSilence()
  }
})

it('a device that is full has one ACK waiting, not one for each segment of a flood', () => {
  const { script } = established()
  script.isDeviceFull = true
  script.send(...Array.from({ length: 500 }, (_, index) => segment(1 + (index % 50))))
  script.expectSilence()
  script.isDeviceFull = false
  expect(acknowledgments(script.drain())).toEqual([0])
})

it('a flood of segments out of order has at most one answer each', () => {
  const { script } = established()
  for (let round = 0; round < 50; round++) {
    script.send(...Array.from({ length: 64 }, (_, index) => segment(2 + ((index * 7) % 64))))
    expect(script.drain()).toHaveLength(64)
  }
})
