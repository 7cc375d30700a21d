/**
 * SEGMENT ARRIVES in synchronized states: RFC 9293 §3.10.7.4, RFC 5961 §3-5 and §7, RFC 7323 §5,
 * RFC 2018-less reassembly.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { ack, data, fin, rst, syn, TcpScript } from '../../../../support/tcp-script.ts'

function readAll(socket: TcpSocket): string {
  const bytes = new Uint8Array(socket.receivedLength)
  socket.receive(bytes, 0, bytes.length)
  return new TextDecoder().decode(bytes)
}

function established() {
  const script = new TcpScript()
  return { script, ...script.establish() }
}

describe('a RST (RFC 5961 §3)', () => {
  it('of the next number expected ends the connection', () => {
    const { script, log } = established()
    script.send(rst(1))
    script.expectSilence()
    expect(log.events).toEqual(['closed reset'])
  })

  it('elsewhere in the window is challenged and changes nothing', () => {
    const { script, socket, log } = established()
    script.send(rst(2))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    expect(socket.state).toBe(TcpState.Established)
    expect(log.events).toEqual([])
  })

  it('outside of the window is dropped silently', () => {
    const { script, socket } = established()
    script.send(rst(0), rst(-70_000), rst(1_100_000))
    script.expectSilence()
    expect(socket.state).toBe(TcpState.Established)
  })

  it('counts at a zero window (MUST-66)', () => {
    const script = new TcpScript({
      configuration: { receiveBufferBytes: 16384, minimumBufferBytes: 16384 },
    })
    const { log } = script.establish()
    script.send(data(1, new Uint8Array(16384)))
    script.drain()
    script.send(rst(16385))
    script.drain()
    expect(log.events.at(-1)).toBe('closed reset')
  })
})

describe('a SYN on a synchronized connection (RFC 5961 §4)', () => {
  it.each([0, 1, 100, 9_999_999])('at %i gets a challenge ACK and nothing more', (sequence) => {
    const { script, socket } = established()
    script.send(syn({ sequence }))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    expect(socket.state).toBe(TcpState.Established)
  })
})

describe('challenge ACKs (RFC 5961 §7)', () => {
  it('are throttled for this connection only', () => {
    const { script } = established()
    let count = 0
    for (let index = 0; index < 1000; index++) {
      script.send(rst(100 + index))
      count += script.drain().length
      script.nowMs += 1
    }
    expect(count).toBe(2)
  })

  it('leave keep-alives alone: each is answered', () => {
    const { script } = established()
    for (let index = 0; index < 5; index++) {
      script.send(ack(1, { sequence: 0 }))
      script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    }
  })

  it('leave data alone: each old segment is answered', () => {
    const { script } = established()
    script.send(data(1, 'abc'))
    script.drain()
    for (let index = 0; index < 5; index++) {
      script.send(data(1, 'abc'))
      script.expectSegments({ flags: 'A', acknowledgment: 4 })
    }
  })
})

describe('an ACK (RFC 5961 §5)', () => {
  it('of what was never sent is challenged and its data dropped', () => {
    const { script, socket } = established()
    script.send(data(1, 'abc', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
    expect(socket.receivedLength).toBe(0)
    script.send(data(1, 'abc'))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('older than the largest window is challenged and its data dropped', () => {
    const { script, socket } = established()
    script.send(data(1, 'abc', { acknowledgment: 1 - 65_536 }))
    script.expectSegments({ flags: 'A' })
    expect(socket.receivedLength).toBe(0)
    script.send(data(1, 'abc', { acknowledgment: 1 - 65_535 }))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('must be there: a segment without one is dropped', () => {
    const { script, socket } = established()
    script.send({ flags: 'P', sequence: 1, payload: 'abc' })
    script.expectSilence()
    expect(socket.receivedLength).toBe(0)
  })
})

describe('data', () => {
  it('in order is delivered, and acknowledged within the delay (MUST-40)', () => {
    const { script, socket, log } = established()
    script.send(data(1, 'hello'))
    script.expectSilence()
    expect(log.events).toEqual(['readable'])
    expect(readAll(socket)).toBe('hello')
    expect(script.advanceUntilSent()).toBeLessThanOrEqual(40)
    script.expectSegments({ flags: 'A', acknowledgment: 6 })
  })

  it('whose ACK has gone with an answer is not acknowledged once more after the delay', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    script.send(data(1, 'question'))
    script.expectSilence()
    socket.send(new Uint8Array(6), 0, 6)
    script.expectSegments({ flags: 'PA', acknowledgment: 9, length: 6 })
    script.send(ack(7, { sequence: 9 }))
    script.advance(1000)
    script.expectSilence()
  })

  it('of two full segments is acknowledged at once, of one not (SHLD-18)', () => {
    const { script } = established()
    script.send(data(1, new Uint8Array(1460)))
    script.expectSilence()
    script.send(data(1461, new Uint8Array(1460)))
    script.expectSegments({ flags: 'A', acknowledgment: 2921 })
  })

  it('of a batch is acknowledged once, after all of it (MUST-58, MUST-59)', () => {
    const { script, log } = established()
    const segments = Array.from({ length: 10 }, (_, index) =>
      data(1 + 1460 * index, new Uint8Array(1460)),
    )
    script.send(...segments)
    script.expectSegments({ flags: 'A', acknowledgment: 14_601 })
    expect(log.events).toEqual(['readable'])
  })

  it.each([
    ['predicted', {}],
    ['not predicted', { rawOptions: [1, 1, 1, 1] }],
  ])(
    'coalesced out of impossibly large segments, %s, counts as segments that the path carries',
    (_, more) => {
      const script = new TcpScript()
      script.establish()
      script.send(data(1, new Uint8Array(5000), { coalescedFrom: 65_535, ...more }))
      script.drain()
      script.send(data(5001, new Uint8Array(2 * 1460)))
      script.expectSegments({ flags: 'A', acknowledgment: 5001 + 2 * 1460 })
    },
  )

  it('coalesced by the device gets one ACK at once', () => {
    const { script } = established()
    script.send(data(1, new Uint8Array(43_800), { coalescedFrom: 1460 }))
    script.expectSegments({ flags: 'A', acknowledgment: 43_801 })
    script.send(data(43_801, new Uint8Array(1460)))
    script.expectSilence()
  })

  it('out of order is kept, asks for what is missing, and is delivered once that comes', () => {
    const { script, socket } = established()
    script.send(data(4, 'def'))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
    script.send(data(10, 'jkl'))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
    expect(socket.receivedLength).toBe(0)
    script.send(data(1, 'abc'))
    script.expectSegments({ flags: 'A', acknowledgment: 7 })
    script.send(data(7, 'ghi'))
    script.expectSegments({ flags: 'A', acknowledgment: 13 })
    expect(readAll(socket)).toBe('abcdefghijkl')
  })

  it('sent again with other bytes changes nothing: the first arrival wins', () => {
    const { script, socket } = established()
    script.send(data(4, 'def'), data(3, 'XYZW'), data(4, '!!!'))
    script.send(data(1, 'ab?'))
    script.drain()
    // Octet 3 came first as X.
    expect(readAll(socket)).toBe('abXdef')
  })

  it('that straddles both edges of the window is cut at both', () => {
    const script = new TcpScript({
      configuration: { receiveBufferBytes: 16384, minimumBufferBytes: 16384 },
    })
    const { socket } = script.establish()
    script.send(data(1, 'abc'))
    script.drain()
    script.send(fin(2, { payload: new Uint8Array(20_000) }))
    script.drain()
    expect(socket.receivedLength).toBe(16384)
    expect(socket.isPeerFinished).toBe(false)
  })

  it('beyond the window is dropped and answered', () => {
    const { script, socket } = established()
    script.send(data(1 + 1_048_576, 'abc'))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
    expect(socket.receivedLength).toBe(0)
    script.send(data(1, 'abc'))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('in 65,000 pieces with holes stays within its bound (SegmentSmack)', () => {
    const { script, socket } = established()
    for (let index = 0; index < 65_000; index++) {
      script.send(data(3 + 2 * index, 'x'))
      if (index % 1000 === 0) script.drain()
    }
    // One a KiB of the buffer that its window was worth.
    const ranges = socket.receiveBuffer.capacity / 1024
    expect(ranges).toBeLessThanOrEqual(128)
    expect(socket.assembler!.rangeCount).toBe(ranges)
    const { drops } = script.tcp.statistics
    expect(drops.tooManyRanges + drops.outOfWindow).toBe(65_000 - ranges)
    script.send(data(1, 'ab'))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('marked urgent is delivered in line, whatever the pointer says', () => {
    const { script, socket } = established()
    script.send({ flags: 'PAU', sequence: 1, payload: 'urgent' })
    script.drain()
    expect(readAll(socket)).toBe('urgent')
  })

  it('arrives as sent however it is cut, repeated and shuffled', () => {
    const piece = fc.record({ start: fc.nat(299), length: fc.integer({ min: 1, max: 60 }) })
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 40 }),
        fc.constantFrom(-300, -1, 0x7fffff00, 0),
        (pieces, peerIsn) => {
          const script = new TcpScript({ peerIsn })
          const { socket } = script.establish()
          const whole = Uint8Array.from({ length: 300 }, (_, index) => (index * 7) & 0xff)
          const have = new Set<number>()
          for (const { start, length } of pieces) {
            const end = Math.min(300, start + length)
            script.send(data(1 + start, whole.subarray(start, end)))
            for (let index = start; index < end; index++) have.add(index)
            let prefix = 0
            while (have.has(prefix)) prefix++
            expect(socket.receivedLength).toBe(prefix)
          }
          script.send(data(1, whole))
          script.drain()
          const out = new Uint8Array(300)
          expect(socket.receive(out, 0, 300)).toBe(300)
          expect(Buffer.compare(out, whole)).toBe(0)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('a FIN', () => {
  it('before its data waits for it', () => {
    const { script, socket, log } = established()
    script.send(fin(4))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
    expect(socket.state).toBe(TcpState.Established)
    script.send(data(1, 'abc'))
    script.expectSegments({ flags: 'A', acknowledgment: 5 })
    expect(socket.state).toBe(TcpState.CloseWait)
    expect(log.events).toEqual(['readable', 'peer finished'])
  })

  it('is the end: data after it is not part of the stream', () => {
    const { script, socket } = established()
    script.send(fin(4), data(1, 'abcdef'))
    script.drain()
    expect(readAll(socket)).toBe('abc')
    script.send(data(5, 'more'))
    script.drain()
    expect(socket.receivedLength).toBe(0)
  })

  it('is told apart from a reset (MUST-12)', () => {
    const { script, log } = established()
    script.send(fin(1))
    script.drain()
    expect(log.events).toEqual(['peer finished'])
    script.send(rst(2))
    script.drain()
    expect(log.events).toEqual(['peer finished', 'closed reset'])
  })
})

describe('timestamps (RFC 7323)', () => {
  function stamped() {
    const script = new TcpScript()
    return { script, ...script.establish({ timestamp: [1000, 0] }) }
  }

  it('older than the last drop the segment with an ACK (PAWS, §5.3 R1)', () => {
    const { script, socket } = stamped()
    script.send(data(1, 'abc', { timestamp: [999, 0] }))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
    expect(socket.receivedLength).toBe(0)
    script.send(data(1, 'abc', { timestamp: [1002, 0] }))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('mean nothing after 24 days of silence (§5.5), and the next ones count from there', () => {
    const { script, socket } = stamped()
    script.advance(25 * 24 * 3600 * 1000)
    script.send(data(1, 'abc', { timestamp: [-100, 0] }))
    script.advanceUntilSent()
    expect(script.drain()[0]!.timestamp![1]).toBe(-100)
    script.send(data(4, 'def', { timestamp: [-99, 0] }))
    script.send(data(7, 'old', { timestamp: [-101, 0] }))
    script.drain()
    expect(socket.receivedLength).toBe(6)
  })

  it('missing on a SYN leave it to be challenged: the peer may have restarted (RFC 5961 §4.2)', () => {
    const { script } = stamped()
    script.send(syn({ sequence: 5_000_000 }))
    script.expectSegments({ flags: 'A', acknowledgment: 1 })
  })

  it('wrap around zero', () => {
    const script = new TcpScript()
    const { socket } = script.establish({ timestamp: [-2, 0] })
    script.send(data(1, 'abc', { timestamp: [5, 0] }))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('missing on a segment drop it, but not a RST (§3.2), and are counted by themselves', () => {
    const { script, socket, log } = stamped()
    script.send(data(1, 'abc'))
    script.expectSilence()
    expect(socket.receivedLength).toBe(0)
    const { drops } = script.tcp.statistics
    expect([drops.missingTimestamp, drops.protectAgainstWrappedSequence]).toEqual([1, 0])
    script.send(data(1, 'abc', { timestamp: [999, 0] }))
    script.drain()
    expect([drops.missingTimestamp, drops.protectAgainstWrappedSequence]).toEqual([1, 1])
    script.send(rst(1))
    script.drain()
    expect(log.events).toEqual(['closed reset'])
  })

  it.each([
    ['without data', ''],
    ['with its octet of garbage', 'x'],
  ])('missing on a keep-alive %s leave it to be answered (RFC 9293 §3.8.4)', (_, payload) => {
    const { script, socket } = stamped()
    script.send(data(0, payload))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    expect(script.tcp.statistics.drops.missingTimestamp).toBe(0)
    expect(socket.receivedLength).toBe(0)
    // One octet before RCV.NXT and more of it is no keep-alive.
    script.send(data(0, 'xy'))
    script.expectSilence()
    expect(script.tcp.statistics.drops.missingTimestamp).toBe(1)
  })

  it('missing on the answer to our keep-alive leave the connection alive, and nothing else is believed', () => {
    const { script, socket, log } = stamped()
    socket.setKeepAlive(60_000)
    const window = socket.sendWindow
    for (let round = 0; round < 30; round++) {
      script.advanceUntilSent()
      script.expectSegments({ flags: 'A', sequence: 0, length: 0 })
      script.nowMs += 10
      script.send(ack(1, { window: 5 }))
      script.expectSilence()
    }
    expect(log.events).toEqual([])
    expect([socket.sendWindow, script.tcp.statistics.drops.missingTimestamp]).toEqual([window, 0])
    // Data is no answer.
    script.send(data(1, 'abc'))
    expect(script.tcp.statistics.drops.missingTimestamp).toBe(1)
    expect(socket.receivedLength).toBe(0)
    script.advance(10 * 60_000)
    script.drain()
    expect(log.events).toEqual(['closed timeout'])
  })

  it('of a segment after a gap are not echoed before the gap is closed (§4.3)', () => {
    const { script } = stamped()
    script.send(data(4, 'def', { timestamp: [2000, 0] }))
    expect(script.drain()[0]!.timestamp![1]).toBe(1001)
    script.send(data(1, 'abc', { timestamp: [1500, 0] }))
    expect(script.drain()[0]!.timestamp![1]).toBe(1500)
  })

  it('of a forged segment outside of the window do not stick', () => {
    const { script, socket } = stamped()
    script.send(data(-5000, 'x', { timestamp: [0x40000000, 0] }))
    script.drain()
    script.send(data(1, 'abc', { timestamp: [1003, 0] }))
    script.drain()
    expect(socket.receivedLength).toBe(3)
  })

  it('are echoed from the segment that the ACK covers', () => {
    const { script } = stamped()
    script.send(data(1, 'abc', { timestamp: [1005, 0] }), data(4, 'def', { timestamp: [1006, 0] }))
    script.advance(40)
    const [reply] = script.expectSegments({ flags: 'A', acknowledgment: 7 })
    // §4.3: the first of the segments that a delayed ACK covers.
    expect(reply!.timestamp![1]).toBe(1005)
  })
})

describe('the receive window', () => {
  it('closes with unread data and opens again in useful steps (MUST-39)', () => {
    const script = new TcpScript({
      configuration: { receiveBufferBytes: 16384, minimumBufferBytes: 16384 },
    })
    const { socket } = script.establish()
    for (let at = 0; at < 16384; at += 1024) script.send(data(1 + at, new Uint8Array(1024)))
    script.expectSegments({ flags: 'A', acknowledgment: 16_385, window: 0 })
    socket.consume(100)
    script.expectSilence()
    socket.consume(3996)
    script.expectSegments({ flags: 'A', acknowledgment: 16_385, window: 4096 })
  })

  it('stays closed in the answers to probes until a segment fits (RFC 9293 §3.8.6.2.2)', () => {
    const script = new TcpScript({
      configuration: { receiveBufferBytes: 16384, minimumBufferBytes: 16384 },
    })
    const { socket } = script.establish()
    for (let at = 0; at < 16384; at += 1024) script.send(data(1 + at, new Uint8Array(1024)))
    script.drain()
    socket.consume(100)
    script.send(ack(1, { sequence: 16_384 }))
    script.expectSegments({ flags: 'A', acknowledgment: 16_385, window: 0 })
    socket.consume(2000)
    script.send(ack(1, { sequence: 16_384 }))
    script.expectSegments({ flags: 'A', acknowledgment: 16_385, window: 2100 })
  })

  it('does not give back what it offered when the scale rounds (RFC 7323 §2.4)', () => {
    const script = new TcpScript()
    const { socket } = script.establish({ windowScale: 7 })
    // Each edge is what the scaled field says, and never comes back by more than the field can
    // express.
    let edge = 0
    for (let at = 1; at < 4000; at += 37) {
      script.send(data(at, new Uint8Array(37)))
      script.advanceUntilSent()
      const [segment] = script.drain()
      const offered = segment!.acknowledgment + (segment!.window << socket.receiveScale)
      expect(offered).toBeGreaterThanOrEqual(edge)
      edge = offered
      socket.consume(socket.receivedLength)
    }
  })

  it('answers a probe of a closed window without taking its octet', () => {
    const script = new TcpScript({
      configuration: { receiveBufferBytes: 16384, minimumBufferBytes: 16384 },
    })
    const { socket } = script.establish()
    script.send(data(1, new Uint8Array(16384)))
    script.drain()
    script.send(data(16_385, 'x'))
    script.expectSegments({ flags: 'A', acknowledgment: 16_385, window: 0 })
    expect(socket.receivedLength).toBe(16384)
  })
})

it('survives all flag bytes in every state that a script can reach, and valid traffic afterwards', () => {
  for (let bits = 0; bits < 256; bits++) {
    const letters = ['F', 'S', 'R', 'P', 'A', 'U', 'E', 'C'].filter((_, bit) => bits & (1 << bit))
    const script = new TcpScript()
    const listener = script.listen()
    script.send({ flags: letters.join(''), sequence: 0 })
    script.drain()
    const { socket } = script.connect()
    script.send({ flags: letters.join(''), sequence: 0, acknowledgment: 0 })
    script.drain()
    socket.abort()
    script.localPort = 80
    script.peerPort = 50_000
    script.send(syn())
    script.drain()
    script.send(ack(1), { flags: letters.join(''), sequence: 5000, payload: 'zz' })
    script.drain()
    const stranger = [...script.tcp.sockets()].find((one) => one.remotePort === 50_000)
    // Only what RFC 9293 lets end a connection does: nothing here lies at the next number expected.
    expect(stranger?.state).toBe(TcpState.Established)
    listener.close()
  }
})
