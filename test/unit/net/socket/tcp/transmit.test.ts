/**
 * What goes out and when: super-segments, PSH, Nagle, silly window avoidance, probes (RFC 9293
 * §3.7.4, §3.8.6, RFC 6928).
 */
import { describe, expect, it } from 'vitest'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import {
  ack,
  data,
  type ScriptOptions,
  type ScriptSegment,
  type SentSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

const SCALED: Partial<ScriptSegment> = { windowScale: 7 }

function queue(socket: TcpSocket, length: number): void {
  expect(socket.send(new Uint8Array(length), 0, length)).toBe(length)
}

/** A connection whose congestion window has room for several super-segments. */
function fast(options: ScriptOptions = {}, fields: Partial<ScriptSegment> = SCALED) {
  const script = new TcpScript({ superSegmentLimit: 65_000, ...options })
  const made = script.establish(fields)
  made.socket.congestion.windowBytes = 400_000
  made.socket.sendWindow = Math.max(made.socket.sendWindow, 65535)
  return { script, ...made }
}

function total(segments: SentSegment[]): number {
  return segments.reduce((sum, { length }) => sum + length, 0)
}

describe('the initial window', () => {
  it.each([
    [1460, 14_600],
    [536, 5360],
    [9000 - 40, 17_920],
  ])('with segments of %i is %i bytes (RFC 6928 §2)', (mss, window) => {
    const script = new TcpScript({ mtu: 9000 })
    const { socket } = script.establish({ mss })
    queue(socket, 100_000)
    expect(total(script.drain())).toBe(window)
  })
})

describe('a super-segment', () => {
  it('holds all that windows and device allow, in whole segments, and says their size', () => {
    const { script, socket } = fast()
    socket.sendWindow = 200_000
    socket.setNoDelay(true)
    queue(socket, 200_000)
    const sent = script.drain()
    expect(sent.map(({ length }) => length)).toEqual([64_240, 64_240, 64_240, 7280])
    for (const { length, segmentSize } of sent) {
      expect(segmentSize).toBe(1460)
      expect(length % 1460 === 0 || length === 7280).toBe(true)
    }
  })

  it('asks for no segmentation when the payload is exactly one segment, with options too', () => {
    const { script, socket } = fast({}, { ...SCALED, timestamp: [1, 0] })
    queue(socket, 1448)
    script.expectSegments({ length: 1448, segmentSize: 0 })
    queue(socket, 1449)
    const [first] = script.drain()
    expect(first!.segmentSize === 0).toBe(first!.length <= 1448)
  })

  it('is not cut short where a full send buffer ends, as long as its user waits to go on', () => {
    const { script, socket } = fast({
      configuration: { sendBufferBytes: 262_144, minimumBufferBytes: 16_384 },
    })
    socket.sendWindow = 400_000
    expect(socket.send(new Uint8Array(300_000), 0, 300_000)).toBe(262_144)
    // 262144 bytes are four frames and a rest.
    expect(script.drain().map(({ length }) => length)).toEqual([64_240, 64_240, 64_240, 64_240])
    socket.handler = { onWritable: () => queue(socket, 100_000), onClose() {} }
    script.send(ack(1 + 133_000, { window: 4000 }))
    // What was left begins the next frame. Nagle's algorithm keeps the last 64 bytes.
    expect(script.drain().map(({ length }) => length)).toEqual([64_240, 40_880])
  })

  it('goes out short when what is in flight alone makes no room soon, or nothing is to follow', () => {
    for (const isLast of [false, true]) {
      const { script, socket } = fast({
        configuration: { sendBufferBytes: 262_144, minimumBufferBytes: 16_384 },
      })
      socket.sendWindow = 400_000
      socket.send(new Uint8Array(300_000), 0, 300_000)
      script.drain()
      if (isLast) socket.closeWrite()
      else script.send(ack(1 + 200_000, { window: 4000 }))
      expect(script.drain().map(({ length }) => length)).toEqual([isLast ? 5184 : 4380])
    }
  })

  it('respects a window that is smaller, exactly', () => {
    const { script, socket } = fast()
    socket.sendWindow = 4000
    queue(socket, 100_000)
    const sent = script.drain()
    expect(sent.map(({ length }) => length)).toEqual([2920])
    // The rest is less than a segment and less than half of the largest window: silly to send
    // (MUST-38).
    script.send(ack(2921, { window: 4000 >> 7 }))
    expect(total(script.drain())).toBeLessThanOrEqual(4000)
  })

  it('respects the congestion window', () => {
    const { script, socket } = fast()
    socket.congestion.windowBytes = 10_000
    queue(socket, 100_000)
    expect(script.drain().map(({ length }) => length)).toEqual([8760])
  })

  it('carries PSH only with the last byte queued, and the FIN with it (MUST-61)', () => {
    const { script, socket } = fast()
    queue(socket, 100_000)
    socket.closeWrite()
    const sent = script.drain()
    expect(sent.map(({ flags }) => flags)).toEqual(['A', 'FPA'])
    expect(sent.at(-1)!.length % 1460).not.toBe(0)
  })

  it('takes its payload across the end of the ring in two ranges', () => {
    const { script, socket } = fast({
      configuration: { sendBufferBytes: 32_768, minimumBufferBytes: 16_384 },
    })
    const start = 30_000
    queue(socket, start)
    script.drain()
    script.send(ack(1 + start, { window: 512 }))
    const bytes = Uint8Array.from({ length: 8000 }, (_, index) => index & 0xff)
    socket.send(bytes, 0, 8000)
    const [segment] = script.expectSegments({ length: 8000, segmentSize: 1460 })
    expect(Buffer.compare(segment!.payload, bytes)).toBe(0)
  })

  it('is never made for a device that does not segment', () => {
    const { script, socket } = fast({ superSegmentLimit: 0 })
    queue(socket, 10_000)
    for (const { length, segmentSize } of script.drain()) {
      expect(length).toBeLessThanOrEqual(1460)
      expect(segmentSize).toBe(0)
    }
  })

  it('is not made for a connection that has segmentation offload off, and again once it is on', () => {
    const { script, socket } = fast()
    socket.setSegmentationOffload(false)
    queue(socket, 14_600)
    const singly = script.drain()
    expect(singly.map(({ length }) => length)).toEqual(new Array<number>(10).fill(1460))
    expect(singly.every(({ segmentSize }) => segmentSize === 0)).toBe(true)
    script.send(ack(1 + 14_600, { window: 512 }))
    socket.setSegmentationOffload(true)
    queue(socket, 14_600)
    expect(script.drain().map(({ length }) => length)).toEqual([14_600])
  })

  it('is cut anew after the path MTU has fallen', () => {
    const { script, socket } = fast()
    queue(socket, 20_000)
    script.drain()
    script.tcp.processError(
      {
        ipVersion: 4,
        kind: 'mtu',
        isBelowFloor: false,
        isProven: false,
        interfaceIndex: 0,
        mtu: 1000,
        source: script.local,
        destination: script.peer,
        sourcePort: 80,
        destinationPort: 40_000,
        sequenceNumber: socket.sendUnacknowledged,
      },
      script.nowMs,
    )
    const sent = script.drain()
    expect(sent.length).toBeGreaterThan(0)
    expect(sent[0]!.sequence).toBe(1)
    for (const { length } of sent) expect(length).toBeLessThanOrEqual(960)
  })
})

describe("Nagle's algorithm (RFC 9293 §3.7.4)", () => {
  it('holds a short segment while data is in flight', () => {
    const { script, socket } = fast()
    queue(socket, 10)
    script.expectSegments({ flags: 'PA', length: 10 })
    queue(socket, 10)
    queue(socket, 10)
    script.expectSilence()
    script.send(ack(11))
    script.expectSegments({ length: 20, sequence: 11 })
  })

  it('lets a full segment go', () => {
    const { script, socket } = fast()
    queue(socket, 10)
    script.drain()
    queue(socket, 1500)
    script.expectSegments({ length: 1460 })
  })

  it('can be turned off for a connection (MUST-17)', () => {
    const { script, socket } = fast()
    socket.setNoDelay(true)
    queue(socket, 10)
    script.expectSegments({ length: 10 })
    queue(socket, 10)
    script.expectSegments({ length: 10 })
  })

  it('does not hold what a FIN completes', () => {
    const { script, socket } = fast()
    queue(socket, 10)
    script.drain()
    queue(socket, 10)
    socket.closeWrite()
    script.expectSegments({ flags: 'FPA', length: 10 })
  })
})

describe('silly window syndrome (MUST-38)', () => {
  it('brings no segments of one byte when the window opens one byte at a time', () => {
    const { script, socket } = fast({}, {})
    queue(socket, 100_000)
    let acked = total(script.drain())
    expect(acked).toBeGreaterThan(60_000)
    const smallest: number[] = []
    script.send(ack(1 + acked, { window: 0 }))
    for (let window = 1; window < 1460; window += 100) {
      script.send(ack(1 + acked, { window }))
      smallest.push(...script.drain().map(({ length }) => length))
    }
    expect(smallest).toEqual([])
    script.send(ack(1 + acked, { window: 1460 }))
    acked += 1460
    script.expectSegments({ length: 1460 })
  })

  it('ends in a segment when nothing else would: the override timeout', () => {
    const { script, socket } = fast({}, {})
    queue(socket, 100_000)
    const sent = total(script.drain())
    script.send(ack(1 + sent, { window: 700 }))
    script.expectSilence()
    expect(script.advanceUntilSent()).toBeLessThanOrEqual(1000)
    script.expectSegments({ sequence: 1 + sent, length: 700 })
    expect(socket.statistics.bytesSent).toBe(sent + 700)
  })

  /**
   * Everything is in flight when the peer shrinks its window to nothing and then, as its user
   * reads, to `window` octets at a time.
   */
  function shrunk(window: number) {
    const made = fast({}, {})
    const { script, socket } = made
    queue(socket, 50_000)
    expect(total(script.drain())).toBe(50_000)
    script.send(ack(1, { window: 0 }))
    script.expectSilence()
    let acked = 1
    /** The peer takes what fits of what comes, for `durationMs`; returns the payloads. */
    const run = (durationMs: number): number[] => {
      const lengths: number[] = []
      for (const endMs = script.nowMs + durationMs; script.nowMs < endMs; script.advance(2)) {
        for (const { sequence, length } of script.drain()) {
          lengths.push(length)
          if (sequence <= acked)
            acked = Math.max(acked, Math.min(sequence + length, acked + window))
        }
        script.send(ack(acked, { window }))
      }
      return lengths
    }
    return { ...made, run, ackedBytes: () => acked - 1 }
  }

  it.each([1, 20, 700])(
    'does not come about by data that is sent again into a window of %i octets, and that data gets through',
    (window) => {
      const { run, ackedBytes, socket, log } = shrunk(window)
      const lengths = run(10_000)
      // The override timeout of RFC 9293 §3.8.6.2.1 is "in the range 0.1 - 1.0 seconds".
      expect(lengths.length).toBeGreaterThanOrEqual(10)
      expect(lengths.length).toBeLessThanOrEqual(100)
      expect(new Set(lengths)).toEqual(new Set([window]))
      expect(ackedBytes()).toBeGreaterThanOrEqual(window * (lengths.length - 1))
      expect(socket.statistics.retransmitTimeouts).toBe(0)
      expect(log.events).toEqual([])
    },
  )

  it('of a shrunken window is no reason to give up (SHLD-17), silence is', () => {
    const { script, run, log } = shrunk(1)
    run(300_000)
    expect(log.events).toEqual([])
    script.advance(300_000)
    expect(log.events).toEqual(['closed timeout'])
  })

  it('is not brought by partial ACKs of a fast retransmit either (RFC 6582 §3.2)', () => {
    const { script, socket } = fast({}, {})
    queue(socket, 50_000)
    script.drain()
    for (let duplicate = 0; duplicate < 3; duplicate++) script.send(ack(1))
    script.expectSegments({ sequence: 1, length: 1460 })
    let count = 0
    for (let acked = 2; acked < 200; acked++) {
      script.send(ack(acked, { window: 1 }))
      count += script.drain().length
      script.nowMs += 1
    }
    expect(count).toBeLessThan(5)
  })

  it('leaves probes their time however often the window opens by an octet and closes again', () => {
    const { script } = shrunk(1)
    let count = 0
    for (let turn = 0; turn < 400; turn++) {
      script.send(ack(1, { window: turn & 1 }))
      script.advance(10)
      count += script.drain().length
    }
    expect(count).toBeGreaterThanOrEqual(2)
    expect(count).toBeLessThan(40)
  })

  it('is over once the window is worth a segment, with whole ones', () => {
    const { script, run, ackedBytes } = shrunk(1)
    run(2_000)
    script.send(ack(1 + ackedBytes(), { window: 20_000 }))
    const sent = script.drain()
    expect(sent[0]).toMatchObject({ sequence: 1 + ackedBytes(), length: 1460 })
    for (const { length } of sent) expect(length).toBe(1460)
  })

  /** The window shrinks to 700 octets, which are probes that nobody answers for some time. */
  function probed(windowsBefore: readonly number[]) {
    const made = fast({}, { ...SCALED, sackPermitted: true })
    const { script, socket } = made
    queue(socket, 50_000)
    expect(total(script.drain())).toBe(50_000)
    for (const window of windowsBefore) script.send(ack(1, { window }))
    script.send(ack(1, { window: 5 }))
    while (socket.statistics.zeroWindowProbes < 6) {
      script.advanceUntilSent()
      script.drain()
    }
    expect(socket.retransmitDeadlineMs - script.nowMs).toBeGreaterThan(10_000)
    return made
  }

  it.each([[[0]], [[]]])(
    'is over as well once the path takes segments that the window has room for, as a probe may find, and the back-off of probes is',
    (windowsBefore) => {
      const { script, socket } = probed(windowsBefore)
      const { egress } = script.tcp
      const { prepare } = egress
      egress.prepare = (flow, ...lengths) => {
        flow.pathMtu = 680
        return prepare(flow, ...lengths)
      }
      script.advanceUntilSent()
      script.expectSegments({ sequence: 1, length: 640 })
      expect(socket.statistics.zeroWindowProbes).toBe(7)
      // RFC 6298 (2.4), and not what the last probe waited; once more for what it was sent before.
      while (socket.statistics.retransmissions === 0) {
        expect(script.advanceUntilSent()).toBeLessThan(3_000)
        script.expectSegments({ sequence: 1, length: 640 })
      }
      expect(socket.statistics.zeroWindowProbes).toBe(7)
    },
  )

  it('is over with a larger window, which leaves the back-off of what was lost before it shrank (RFC 6298 §5)', () => {
    const { script, socket } = fast({}, {})
    queue(socket, 14_600)
    expect(total(script.drain())).toBe(14_600)
    for (let times = 0; times < 3; times++) {
      script.advanceUntilSent()
      script.drain()
    }
    const { rtoMs } = socket.rtt
    const { thresholdBytes } = socket.congestion
    script.send(ack(1, { window: 500 }))
    script.advance(1)
    script.send(ack(1, { window: 65_535 }))
    expect(socket.timeouts).toBe(3)
    expect(socket.rtt.rtoMs).toBe(rtoMs)
    script.drain()
    script.advanceUntilSent()
    // RFC 5681 §3.1: "the value of ssthresh is held constant" when a repetition is lost as well.
    expect(socket.timeouts).toBe(4)
    expect(socket.congestion.thresholdBytes).toBe(thresholdBytes)
  })

  it.each([[0], [500]])('of %i octets keeps that back-off through its probes', (window) => {
    const { script, socket } = fast({}, {})
    queue(socket, 14_600)
    script.drain()
    for (let times = 0; times < 3; times++) {
      script.advanceUntilSent()
      script.drain()
    }
    const { rtoMs } = socket.rtt
    script.send(ack(1, { window }))
    while (socket.statistics.zeroWindowProbes < 3) {
      script.advanceUntilSent()
      script.drain()
    }
    expect(socket.rtt.rtoMs).toBeGreaterThan(rtoMs)
    script.send(ack(1, { window: 65_535 }))
    expect([socket.timeouts, socket.rtt.rtoMs]).toEqual([3, rtoMs])
  })

  it('is over with a larger window, and so is the back-off of its probes for what is in flight', () => {
    const { script } = probed([])
    script.send(ack(1, { window: 512 }))
    script.expectSilence()
    expect(script.advanceUntilSent()).toBeLessThan(3_000)
    expect(script.drain()[0]).toMatchObject({ sequence: 1, length: 1460 })
  })

  it('does not hold back the last octets that are sent again, nor half of the largest window', () => {
    const { script, socket } = fast({}, {})
    queue(socket, 1000)
    script.drain()
    script.advanceUntilSent()
    script.expectSegments({ sequence: 1, length: 1000 })
    const small = new TcpScript()
    small.peerWindow = 800
    queue(small.establish({ window: 800 }).socket, 5000)
    small.expectSegments({ sequence: 1, length: 800 })
    small.send(ack(1, { window: 500 }))
    small.advanceUntilSent()
    small.expectSegments({ sequence: 1, length: 500 })
  })
})

describe('a closed window', () => {
  function closed() {
    const { script, socket, log } = fast({}, {})
    queue(socket, 3000)
    script.drain()
    script.send(ack(3001, { window: 0 }))
    queue(socket, 5000)
    script.expectSilence()
    return { script, socket, log }
  }

  it('is probed with one octet at growing intervals (MUST-35, SHLD-29, SHLD-30)', () => {
    const { script } = closed()
    const times: number[] = []
    for (let probe = 0; probe < 5; probe++) {
      script.advanceUntilSent()
      times.push(script.nowMs)
      script.expectSegments({ flags: 'A', sequence: 3001, length: 1 })
      script.send(ack(3001, { window: 0 }))
      script.expectSilence()
    }
    const gaps = times.slice(1).map((time, index) => time - times[index]!)
    for (let index = 1; index < gaps.length; index++) {
      expect(gaps[index]! / gaps[index - 1]!).toBeCloseTo(2, 1)
    }
  })

  it('never ends the connection while the peer answers (MUST-37)', () => {
    const { script, log } = closed()
    for (let probe = 0; probe < 40; probe++) {
      script.advanceUntilSent()
      expect(script.drain().length).toBe(1)
      script.send(ack(3001, { window: 0 }))
    }
    expect(log.events).toEqual([])
  })

  it('ends it when the peer does not answer for the user timeout', () => {
    const { script, log } = closed()
    script.advance(400_000)
    expect(log.events).toEqual(['closed timeout'])
  })

  it('that closed long before there is anything to send is probed like any other', () => {
    const { script, socket, log } = fast({}, {})
    queue(socket, 3000)
    script.drain()
    script.send(ack(3001, { window: 0 }))
    script.expectSilence()
    script.advance(10 * script.tcp.configuration.userTimeoutMs)
    queue(socket, 5000)
    script.advanceUntilSent(5_000)
    script.expectSegments({ flags: 'A', sequence: 3001, length: 1 })
    script.send(ack(3001, { window: 60_000 }))
    expect(total(script.drain())).toBeGreaterThan(0)
    expect(log.events).toEqual([])
  })

  it('leaves no back-off of its probes to the data after it', () => {
    const { script } = closed()
    for (let probe = 0; probe < 10; probe++) {
      script.advanceUntilSent()
      script.drain()
      script.send(ack(3001, { window: 0 }))
    }
    script.send(ack(3001, { window: 60_000 }))
    expect(total(script.drain())).toBeGreaterThan(0)
    // All of it is lost: RFC 6298 (2.4), not the minute that the last probe waited.
    expect(script.advanceUntilSent()).toBeLessThan(3_000)
  })

  it('lets everything go within one round trip of opening', () => {
    const { script, socket } = closed()
    socket.setNoDelay(true)
    script.advanceUntilSent()
    script.drain()
    script.send(ack(3001, { window: 60_000 }))
    expect(total(script.drain())).toBe(5000)
  })

  it('accepts no number but the next: ACKs and resets do not count the octet that a probe has shown it', () => {
    const { script, socket } = closed()
    script.advanceUntilSent()
    script.expectSegments({ flags: 'A', sequence: 3001, length: 1 })
    script.send(ack(3001, { window: 0 }))
    // RFC 9293 §3.10.7.4: at a zero window an ACK is acceptable when "SEG.SEQ = RCV.NXT"; else the
    // peer would send this for ever.
    script.send(data(1, 'text', { acknowledgment: 3001, window: 0 }))
    script.advance(100)
    expect(script.drain()).toMatchObject([
      { flags: 'A', sequence: 3001, acknowledgment: 5, length: 0 },
    ])
    // RFC 5961 §3.2: a reset from outside of the window is dropped silently. RFC 9293 §3.10.5:
    // "<SEQ=SND.NXT><CTL=RST>".
    socket.abort()
    script.expectSegments({ flags: 'RA', sequence: 3001, acknowledgment: 5 })
  })

  it('may take the probe octet', () => {
    const { script, socket } = closed()
    socket.setNoDelay(true)
    script.advanceUntilSent()
    script.drain()
    script.send(ack(3002, { window: 60_000 }))
    const sent = script.drain()
    expect(sent[0]!.sequence).toBe(3002)
    expect(total(sent)).toBe(4999)
  })
})

describe('a window that shrinks (MUST-34)', () => {
  it('below what is in flight stops new data and keeps the connection', () => {
    const { script, socket, log } = fast({}, {})
    queue(socket, 50_000)
    expect(total(script.drain())).toBe(50_000)
    queue(socket, 20_000)
    script.drain()
    script.send(ack(1461, { window: 1000 }))
    script.expectSilence()
    script.send(ack(50_001 + 14_600, { window: 65_535 }))
    script.drain()
    expect(log.events).toEqual([])
  })
})

describe('an ACK or a reset while the window is smaller than what was sent', () => {
  /** The peer has taken 3000 of 50,000 bytes and offers `window` more, in steps of 2^scale. */
  function shrunken(window: number, scale: number) {
    const { script, socket } = fast({}, { windowScale: scale })
    queue(socket, 50_000)
    script.drain()
    script.send(ack(3001, { window: window >> scale }))
    script.drain()
    script.send(data(1, 'text', { acknowledgment: 3001, window: window >> scale }))
    script.advance(100)
    const [acknowledgment] = script.drain().filter(({ length }) => length === 0)
    socket.abort()
    return [acknowledgment!.sequence, script.drain().at(-1)!.sequence]
  }

  it('has the last number that the peer accepts, for it drops what lies behind (RFC 9293 §3.10.7.4)', () => {
    expect(shrunken(4096, 0)).toEqual([7097, 7097])
    expect(shrunken(4096, 7)).toEqual([7097, 7097])
  })

  it('has SND.NXT where only the window field is less precise (RFC 7323 §2.4)', () => {
    // 47,000 are in flight; the field says 46,976.
    expect(shrunken(47_000, 7)).toEqual([50_001, 50_001])
    expect(shrunken(60_000, 7)).toEqual([50_001, 50_001])
  })
})

describe('the send window', () => {
  it('is taken from the newest segment, whatever arrives late (RFC 9293 §3.10.7.4, SND.WL1 and SND.WL2)', () => {
    const { script, socket } = fast({}, {})
    queue(socket, 3000)
    script.drain()
    script.send(ack(3001, { window: 50_000 }))
    // Sent before it, arrived after it.
    script.send(ack(1461, { window: 20 }))
    expect(socket.sendWindow).toBe(50_000)
    script.send(
      ack(3001, { window: 50_000, payload: 'new' }),
      ack(2921, { sequence: 4, window: 30 }),
    )
    // "If SND.UNA =< SEG.ACK": what was said before the last acknowledgment is over.
    expect(socket.sendWindow).toBe(50_000)
    script.send(ack(3001, { sequence: 4, window: 40 }))
    expect(socket.sendWindow).toBe(40)
    script.send(ack(3001, { sequence: 4, window: 50_000 }))
    expect(socket.sendWindow).toBe(50_000)
    script.send(ack(3001, { sequence: 4, window: 20 }))
    expect(socket.sendWindow).toBe(20)
  })

  it.each([
    ['with SACKs', { sackPermitted: true }],
    ['with timestamps', { timestamp: [1000, 0] as const }],
    ['without either', {}],
  ])('is not taken from text before the ACK that says it (SND.WL1), %s', (_, fields) => {
    const { script, socket } = fast({}, fields)
    const stamp = 'timestamp' in fields ? { timestamp: [1002, 0] as const } : {}
    const fastSegments = () => script.tcp.readStatistics().fastPathSegments
    // The bare ACK has overtaken all three, of which the second says again what it says.
    script.send(ack(1, { ...stamp, sequence: 10, window: 30_000 }))
    script.send(data(1, 'abc', { ...stamp, window: 50_000 }))
    script.send(data(4, 'def', { ...stamp, window: 30_000 }))
    script.send(data(7, 'ghi', { ...stamp, window: 40_000 }))
    expect([socket.sendWindow, socket.receivedLength]).toEqual([30_000, 9])
    // What comes behind it is newer, and expected.
    const before = fastSegments()
    script.send(data(10, 'jkl', { ...stamp, window: 20_000 }))
    expect([socket.sendWindow, fastSegments() - before]).toEqual([20_000, 1])
  })
})

describe('the network layer', () => {
  it('is told from the third retransmission on that the path may be dead (RFC 9293 §3.8.3, R1)', () => {
    const { script, socket } = fast()
    queue(socket, 1000)
    script.drain()
    const told: number[] = []
    for (let count = 0; count < 5; count++) {
      script.advanceUntilSent()
      script.drain()
      told.push(script.suspicions)
    }
    expect(told).toEqual([0, 0, 1, 2, 3])
  })

  it('is told of SYNs without an answer too, but not of SYN-ACKs, which anybody can ask for', () => {
    const active = new TcpScript()
    active.connect()
    active.advance(20_000)
    expect(active.suspicions).toBe(2)
    const passive = new TcpScript()
    passive.listen()
    passive.send(syn())
    passive.advance(100_000)
    expect(passive.drain().length).toBeGreaterThan(4)
    expect(passive.suspicions).toBe(0)
  })
})

describe('the send window of a retransmission', () => {
  it('counts when it acknowledges more, for the one before would reach too far', () => {
    const { script, socket } = fast({}, {})
    queue(socket, 3000)
    script.drain()
    // The first segment was lost; sent again, it says what there is room for now.
    script.send(data(4, 'def', { acknowledgment: 1, window: 50_000 }))
    script.send(data(1, 'abc', { acknowledgment: 3001, window: 500 }))
    expect(socket.sendWindow).toBe(500)
    queue(socket, 3000)
    expect(total(script.drain())).toBeLessThanOrEqual(500)
  })
})

describe('an idle connection', () => {
  it('starts again from the initial window when nothing was sent for longer than an RTO (RFC 5681 §4.1)', () => {
    const { script, socket } = fast()
    queue(socket, 1000)
    script.drain()
    script.send(ack(1001, { window: 512 }))
    const before = socket.congestion.windowBytes
    script.advance(10_000)
    queue(socket, 300_000)
    expect(total(script.drain())).toBe(14_600)
    expect(before).toBeGreaterThan(14_600)
  })
})

describe('the send buffer', () => {
  it('tells of space once half of it is free, not at every ACK', () => {
    const { script, socket, log } = fast({
      configuration: { sendBufferBytes: 65_536, minimumBufferBytes: 16_384 },
    })
    expect(socket.send(new Uint8Array(70_000), 0, 70_000)).toBe(65_536)
    script.drain()
    script.send(ack(1461, { window: 512 }))
    script.drain()
    expect(log.events).toEqual([])
    script.send(ack(40_001, { window: 512 }))
    script.drain()
    expect(log.events).toEqual(['writable'])
  })

  it('gives no space back that the device may still read', () => {
    const { script, socket } = fast({
      holdFrames: true,
      configuration: { sendBufferBytes: 65_536, minimumBufferBytes: 16_384 },
    })
    queue(socket, 65_536)
    script.drain()
    script.send(ack(1 + 43_800, { window: 512 }))
    script.drain()
    expect(socket.sendSpace).toBe(0)
    script.completeFrames()
    script.send(ack(1 + 43_800 + 1460, { window: 512 }))
    script.drain()
    expect(socket.sendSpace).toBeGreaterThanOrEqual(43_800)
  })

  it('finds out about completed frames by itself when the user waits for space', () => {
    const { script, socket, log } = fast({
      holdFrames: true,
      configuration: { sendBufferBytes: 65_536, minimumBufferBytes: 16_384 },
    })
    socket.setNoDelay(true)
    expect(socket.send(new Uint8Array(70_000), 0, 70_000)).toBe(65_536)
    script.drain()
    script.send(ack(1 + 65_536, { window: 512 }))
    script.drain()
    expect(log.events).toEqual([])
    script.completeFrames()
    script.advance(10)
    expect(log.events).toEqual(['writable'])
    expect(socket.sendSpace).toBe(65_536)
  })

  it('that was filled exactly and acknowledged while the device held it still tells of space', () => {
    const { script, socket, log } = fast({
      holdFrames: true,
      configuration: { sendBufferBytes: 65_536, minimumBufferBytes: 16_384 },
    })
    socket.setNoDelay(true)
    queue(socket, 65_536)
    script.drain()
    script.send(ack(1 + 65_536, { window: 512 }))
    script.drain()
    script.completeFrames()
    // All is acknowledged and nothing is held any more, but nobody has looked since.
    expect(socket.send(new Uint8Array(1), 0, 1)).toBe(0)
    script.advance(10)
    expect(log.events).toEqual(['writable'])
    expect(socket.sendSpace).toBe(65_536)
  })

  it('goes back to the pool only when the device has let go of it', () => {
    const { script, socket } = fast({ holdFrames: true })
    queue(socket, 1000)
    script.drain()
    const before = script.tcp.memory.pool.availableBytes
    socket.abort()
    script.drain()
    expect(script.tcp.memory.pool.drainingCount()).toBe(1)
    script.completeFrames()
    expect(script.tcp.memory.pool.drainingCount()).toBe(0)
    expect(script.tcp.memory.pool.availableBytes).toBeGreaterThan(before)
  })
})

it('sends nothing while the device is full, and everything afterwards', () => {
  const { script, socket } = fast()
  script.isDeviceFull = true
  queue(socket, 5000)
  script.expectSilence()
  script.isDeviceFull = false
  expect(total(script.drain())).toBe(5000)
})
