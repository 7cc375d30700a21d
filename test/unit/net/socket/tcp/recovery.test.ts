/**
 * Loss: retransmission timer, fast retransmit, NewReno, giving up (RFC 6298, RFC 5681, RFC 6582,
 * RFC 3042, RFC 9293 §3.8.3).
 */
import { describe, expect, it } from 'vitest'
import { ack, data, type SentSegment, TcpScript } from '../../../../support/tcp-script.ts'

const MSS = 1460

/** Ten segments of 1460 in flight to a peer without SACK, on a card that segments. */
function tenInFlight() {
  const configuration = { congestionControl: 'reno' } as const
  const script = new TcpScript({ superSegmentLimit: 65_000, configuration })
  script.peerWindow = 512
  const made = script.establish({ windowScale: 7 })
  made.socket.send(new Uint8Array(40 * MSS), 0, 40 * MSS)
  const sent = script.drain()
  expect(sent.reduce((sum, { length }) => sum + length, 0)).toBe(10 * MSS)
  script.nowMs += 20
  return { script, ...made }
}

function bytes(segments: SentSegment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0)
}

describe('the retransmission timer', () => {
  it('sends one segment again, not the super-segment', () => {
    const { script, socket } = tenInFlight()
    script.advanceUntilSent()
    script.expectSegments({ sequence: 1, length: MSS, segmentSize: 0 })
    expect(socket.congestion.windowBytes).toBe(MSS)
    expect(socket.congestion.thresholdBytes).toBe(5 * MSS)
  })

  it('doubles with each timeout (RFC 6298 (5.5)) and halves ssthresh once', () => {
    const { script, socket } = tenInFlight()
    const times: number[] = []
    for (let timeout = 0; timeout < 5; timeout++) {
      script.advanceUntilSent()
      times.push(script.nowMs)
      script.expectSegments({ sequence: 1, length: timeout < 2 ? MSS : 1024 })
    }
    const gaps = times.slice(1).map((time, index) => Math.round(time - times[index]!))
    for (let index = 1; index < gaps.length; index++) expect(gaps[index]).toBe(2 * gaps[index - 1]!)
    expect(socket.congestion.thresholdBytes).toBe(5 * MSS)
  })

  it('takes smaller segments after three timeouts of full ones: the path may lose what is large (RFC 4821 §7.7)', () => {
    const { script, socket } = tenInFlight()
    const lengths: number[] = []
    for (let timeout = 0; timeout < 4; timeout++) {
      script.advanceUntilSent()
      lengths.push(script.drain()[0]!.length)
    }
    expect(lengths).toEqual([MSS, MSS, 1024, 1024])
    script.send(ack(1025))
    expect(script.drain()[0]!.length).toBe(1024)
    expect(socket.segmentSize).toBe(1024)
  })

  it('keeps its segments when a short one is lost again and again: that is no matter of size', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    for (let timeout = 0; timeout < 5; timeout++) {
      script.advanceUntilSent()
      script.expectSegments({ sequence: 1, length: 100 })
    }
    expect(socket.flow!.pathMtu).toBe(1500)
  })

  it('takes no sample from a segment sent twice (Karn)', () => {
    const { script, socket } = tenInFlight()
    const before = socket.rtt.smoothedMs
    script.advanceUntilSent()
    script.drain()
    script.nowMs += 5000
    script.send(ack(1 + 10 * MSS))
    script.drain()
    expect(socket.rtt.smoothedMs).toBe(before)
  })

  it('ends its back-off with the first ACK whose timestamp is echoed (RFC 7323 §4, RFC 6298 (5))', () => {
    const script = new TcpScript({ superSegmentLimit: 65_000 })
    script.peerWindow = 512
    const { socket } = script.establish({ windowScale: 7, timestamp: [1000, 0] })
    socket.send(new Uint8Array(20 * MSS), 0, 20 * MSS)
    script.drain()
    for (let timeout = 0; timeout < 5; timeout++) {
      script.advanceUntilSent()
      script.drain()
    }
    script.nowMs += 10
    const echo = (script.nowMs - 10 + socket.timestampOffset) | 0
    script.send(ack(1 + 1448, { timestamp: [1010, echo] }))
    expect(script.drain().length).toBeGreaterThan(0)
    expect(script.advanceUntilSent()).toBeLessThan(1500)
  })

  it('leaves ACKs at SND.MAX: at an older number a peer that has more would drop them', () => {
    const { script } = tenInFlight()
    script.advanceUntilSent()
    script.drain()
    script.send(data(1, new Uint8Array(2 * MSS)))
    script.expectSegments({ flags: 'A', sequence: 1 + 10 * MSS, acknowledgment: 1 + 2 * MSS })
  })

  it('slow-starts through what is missing after a timeout', () => {
    const { script } = tenInFlight()
    script.advanceUntilSent()
    script.drain()
    script.send(ack(1 + MSS))
    const second = script.drain()
    expect(second.map(({ sequence }) => sequence)).toEqual([1 + MSS, 1 + 2 * MSS])
    for (const { length } of second) expect(length).toBe(MSS)
    // The peer had the rest all along.
    script.send(ack(1 + 10 * MSS))
    const third = script.drain()
    expect(third[0]!.sequence).toBe(1 + 10 * MSS)
  })

  it('gives up after the user timeout with a reset, and says so', () => {
    const { script, log } = tenInFlight()
    script.advance(119_000)
    expect(log.events).toEqual([])
    script.drain()
    script.advance(70_000)
    expect(log.events).toEqual(['closed timeout'])
    expect(script.drain().at(-1)!.flags).toBe('RA')
  })

  it('is short or long as the socket asks (MUST-21)', () => {
    const { script, socket, log } = tenInFlight()
    socket.setUserTimeout(3000)
    script.advance(10_000)
    expect(log.events).toEqual(['closed timeout'])
  })

  it('goes on sending when the peer shrinks its window meanwhile', () => {
    const { script } = tenInFlight()
    script.send(ack(1 + MSS, { window: 0 }))
    script.drain()
    script.advanceUntilSent()
    script.expectSegments({ sequence: 1 + MSS, length: 1 })
  })
})

describe('duplicate ACKs', () => {
  it('let one new segment out each for the first two (RFC 3042)', () => {
    const { script } = tenInFlight()
    script.send(ack(1))
    script.expectSegments({ sequence: 1 + 10 * MSS, length: MSS })
    script.send(ack(1))
    script.expectSegments({ sequence: 1 + 11 * MSS, length: MSS })
  })

  it('make the third one send the first segment again, and only that', () => {
    const { script, socket } = tenInFlight()
    script.send(ack(1), ack(1), ack(1))
    const sent = script.drain()
    expect(sent[0]).toMatchObject({ sequence: 1, length: MSS, segmentSize: 0 })
    expect(sent.filter(({ sequence }) => sequence < 1 + 10 * MSS).length).toBe(1)
    expect(socket.congestion.inRecovery).toBe(true)
    expect(socket.congestion.thresholdBytes).toBe(5 * MSS)
  })

  it('do not count what the first two let out as in flight when the window is halved (RFC 5681 §3.2 step 2)', () => {
    const { script, socket } = tenInFlight()
    for (const length of [MSS, MSS]) {
      script.send(ack(1))
      script.expectSegments({ length })
    }
    script.send(ack(1))
    script.drain()
    expect(socket.congestion.thresholdBytes).toBe(5 * MSS)
  })

  it('make it even after 2^31 bytes without a loss: the mark of the last recovery does not wrap around', () => {
    const script = new TcpScript({ superSegmentLimit: 65_000 })
    script.peerWindow = 512
    const { socket } = script.establish({ windowScale: 7 })
    // As 2 GiB later, when the ISN lies almost half the sequence space behind.
    socket.recoverSequence = (socket.sendUnacknowledged - 0x7fff_d000) | 0
    let sent = 1
    for (let flight = 0; flight < 5; flight++) {
      expect(socket.send(new Uint8Array(2 * MSS), 0, 2 * MSS)).toBe(2 * MSS)
      script.drain()
      script.nowMs += 5
      sent += 2 * MSS
      script.send(ack(sent))
    }
    socket.send(new Uint8Array(10 * MSS), 0, 10 * MSS)
    script.drain()
    script.send(ack(sent), ack(sent), ack(sent))
    expect(script.drain()[0]).toMatchObject({ sequence: sent, length: MSS })
    expect(socket.statistics.fastRetransmits).toBe(1)
  })

  it('end recovery with the ACK of all that was in flight: cwnd is ssthresh (RFC 6582)', () => {
    const { script, socket } = tenInFlight()
    script.send(...Array.from({ length: 9 }, () => ack(1)))
    const sent = bytes(script.drain().filter(({ sequence }) => sequence > 10 * MSS))
    script.send(ack(1 + 10 * MSS + sent))
    script.drain()
    expect(socket.congestion.inRecovery).toBe(false)
    expect(socket.congestion.windowBytes).toBeLessThanOrEqual(5 * MSS)
  })

  it('are followed through partial ACKs, one hole a round trip', () => {
    const { script } = tenInFlight()
    script.send(ack(1), ack(1), ack(1))
    script.drain()
    script.send(ack(1 + 4 * MSS))
    const sent = script.drain()
    expect(sent[0]).toMatchObject({ sequence: 1 + 4 * MSS, length: MSS })
    expect(sent.filter(({ sequence }) => sequence <= 9 * MSS).length).toBe(1)
  })

  it('count from zero again after an ACK of new data', () => {
    const { script, socket } = tenInFlight()
    script.send(ack(1), ack(1), ack(1 + MSS), ack(1 + MSS))
    script.drain()
    expect(socket.statistics.fastRetransmits).toBe(0)
    script.send(ack(1 + MSS), ack(1 + MSS))
    script.drain()
    expect(socket.statistics.fastRetransmits).toBe(1)
  })

  it('of what a timeout sends again start no fast retransmit (RFC 6582 §3.2 step 4)', () => {
    const { script, socket } = tenInFlight()
    script.advanceUntilSent()
    script.drain()
    script.send(ack(1 + MSS))
    script.drain()
    for (let count = 0; count < 6; count++) script.send(ack(1 + MSS))
    script.drain()
    expect(socket.statistics.fastRetransmits).toBe(0)
    // What was sent after the timeout may be lost anew, and is then noticed.
    script.send(ack(1 + 10 * MSS))
    script.drain()
    for (let count = 0; count < 3; count++) script.send(ack(1 + 10 * MSS))
    script.drain()
    expect(socket.statistics.fastRetransmits).toBe(1)
  })

  it('do not count when they carry data or another window, or nothing is in flight', () => {
    const { script, socket } = tenInFlight()
    script.send(data(1, 'a'), data(2, 'b'), data(3, 'c'), data(4, 'd'))
    script.send(ack(1, { sequence: 5, window: 400 }), ack(1, { sequence: 5, window: 401 }))
    expect(socket.duplicateAcks).toBe(0)
    expect(socket.congestion.inRecovery).toBe(false)
  })

  it('in their 100,000s open the window by no more than what is in flight', () => {
    const { script, socket } = tenInFlight()
    let sent = 0
    for (let index = 0; index < 100_000; index++) {
      script.send(ack(1))
      if (index % 100 === 0) sent += bytes(script.drain())
    }
    // Limited by flight: 5 segments of ssthresh above at most what flight itself allows, never the
    // whole queue at once.
    expect(socket.congestion.windowBytes).toBeLessThan(60 * MSS)
    expect(sent).toBeLessThanOrEqual(40 * MSS)
  })
})

describe('the congestion window', () => {
  it('grows by what is acknowledged in slow start, however the ACK is divided', () => {
    const whole = tenInFlight()
    whole.script.send(ack(1 + 10 * MSS))
    const divided = tenInFlight()
    for (let part = 1; part <= 100; part++) {
      divided.script.send(ack(1 + (10 * MSS * part) / 100))
    }
    expect(divided.socket.congestion.windowBytes).toBeLessThanOrEqual(
      whole.socket.congestion.windowBytes,
    )
    expect(whole.socket.congestion.windowBytes).toBe(20 * MSS)
  })

  it('does not grow while it is not used (RFC 7661 §1)', () => {
    const script = new TcpScript()
    const { socket } = script.establish({ windowScale: 7 })
    const before = socket.congestion.windowBytes
    for (let round = 0; round < 50; round++) {
      socket.send(new Uint8Array(1000), 0, 1000)
      script.drain()
      script.nowMs += 5
      script.send(ack(1 + 1000 * (round + 1), { window: 512 }))
    }
    script.drain()
    expect(socket.congestion.windowBytes).toBe(before)
  })

  it('does not grow on ACKs of what was never sent', () => {
    const { script, socket } = tenInFlight()
    script.send(ack(1 + 50 * MSS))
    expect(socket.congestion.windowBytes).toBe(10 * MSS)
  })
})

it('recovers from the loss of each of the first 20 segments without a timeout', () => {
  for (let lost = 0; lost < 20; lost++) {
    const script = new TcpScript({ superSegmentLimit: 65_000 })
    script.peerWindow = 512
    const { socket } = script.establish({ windowScale: 7 })
    const total = 60 * MSS
    socket.send(new Uint8Array(total), 0, total)
    let dropped = false
    const have = new Set<number>()
    let next = 0
    for (let round = 0; round < 60 && next < 60; round++) {
      const replies: ReturnType<typeof ack>[] = []
      for (const segment of script.drain()) {
        for (let at = 0; at < segment.length; at += MSS) {
          const index = (segment.sequence - 1 + at) / MSS
          if (index === lost && !dropped) {
            dropped = true
            continue
          }
          have.add(index)
          while (have.has(next)) next++
          replies.push(ack(1 + next * MSS))
        }
      }
      script.nowMs += 10
      script.send(...replies)
    }
    expect(next).toBe(60)
    expect(socket.statistics.retransmitTimeouts).toBe(0)
    expect(socket.statistics.retransmissions).toBe(1)
  }
})
