/** Opening connections from both sides: RFC 9293 §3.5, §3.10.7.1-4, RFC 7323 §2, RFC 6298 §5.7. */
import { describe, expect, it } from 'vitest'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import { ack, data, rst, syn, TcpScript } from '../../../../support/tcp-script.ts'

describe('LISTEN', () => {
  it('answers a SYN with a SYN-ACK that carries our MSS and the echoed options', () => {
    const script = new TcpScript()
    script.listen()
    script.send(syn({ windowScale: 7, timestamp: [77, 0] }))
    const [reply] = script.expectSegments({
      flags: 'SA',
      sequence: 0,
      acknowledgment: 1,
      mss: 1460,
      windowScale: 5,
      length: 0,
    })
    expect(reply!.timestamp![1]).toBe(77)
  })

  it('offers no option that the SYN did not offer, but for the MSS', () => {
    const script = new TcpScript({ version: 6 })
    script.listen()
    script.send({ flags: 'S', sequence: 0 })
    script.expectSegments({ flags: 'SA', mss: 1440, windowScale: null, timestamp: null })
  })

  it('ignores a RST, as "an incoming RST should be ignored"', () => {
    const script = new TcpScript()
    script.listen()
    script.send(rst(0))
    script.expectSilence()
    script.send(syn())
    script.expectSegments({ flags: 'SA' })
  })

  it('resets an ACK with <SEQ=SEG.ACK><CTL=RST>', () => {
    const script = new TcpScript()
    script.listen()
    script.send(ack(500, { sequence: 9 }))
    script.expectSegments({ flags: 'R', sequence: 500, window: 0 })
  })

  it('resets a SYN to a closed port with <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK>', () => {
    const script = new TcpScript()
    script.send(syn({ payload: 'abc' }))
    script.expectSegments({ flags: 'RA', sequence: 0, acknowledgment: 4 })
  })

  it('never answers a segment to a closed port that is itself a reset', () => {
    const script = new TcpScript()
    script.send(rst(0), rst(0, { flags: 'RA' }))
    script.expectSilence()
  })

  it.each(['', 'P', 'F', 'SF', 'U'])('drops flags "%s" without an answer', (flags) => {
    const script = new TcpScript()
    script.listen()
    script.send({ flags, sequence: 0 })
    script.expectSilence()
    expect(script.tcp.statistics.drops.malformed).toBe(1)
    script.send(syn())
    script.expectSegments({ flags: 'SA' })
  })

  it('takes data with the SYN only when it comes again', () => {
    const script = new TcpScript()
    const listener = script.listen()
    script.send(syn({ payload: 'hello' }))
    script.expectSegments({ flags: 'SA', acknowledgment: 1 })
    script.send(data(1, 'hello'))
    script.drain()
    expect(listener.accept()!.receivedLength).toBe(5)
  })

  it('limits the resets it can be made to send', () => {
    const script = new TcpScript({ configuration: { resetsPerSecond: 100 } })
    for (let port = 1; port <= 1000; port++) script.send(syn({ sourcePort: port }))
    expect(script.drain().length).toBe(10)
    expect(script.tcp.statistics.drops.resetLimit).toBe(990)
    script.advance(1000)
    script.send(syn())
    expect(script.drain().length).toBe(1)
  })
})

describe('SYN-RECEIVED', () => {
  function half() {
    const script = new TcpScript()
    const listener = script.listen()
    script.send(syn())
    script.expectSegments({ flags: 'SA' })
    return { script, listener }
  }

  it.each([0, 2])('resets an ACK of %i, which our SYN does not ask for, and stays', (number) => {
    const { script, listener } = half()
    script.send(ack(number))
    script.expectSegments({ flags: 'R', sequence: number })
    expect(listener.accept()).toBeNull()
    script.send(ack(1))
    script.expectSilence()
    expect(listener.accept()!.state).toBe(TcpState.Established)
  })

  it('sends the SYN-ACK again for a repeated SYN', () => {
    const { script } = half()
    script.send(syn())
    script.expectSegments({ flags: 'SA', sequence: 0, acknowledgment: 1 })
  })

  it('returns to LISTEN on a RST of the next number expected', () => {
    const { script } = half()
    script.send(rst(1))
    script.expectSilence()
    expect(script.tcp.connectionCount).toBe(0)
    script.send(syn())
    script.expectSegments({ flags: 'SA' })
  })

  it('ignores a RST outside of the window and challenges one inside', () => {
    const { script } = half()
    script.send(rst(1_000_000))
    script.expectSilence()
    script.send(rst(2))
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    expect(script.tcp.halfOpenCount).toBe(1)
  })

  it('repeats the SYN-ACK with growing gaps and gives up after five', () => {
    const { script } = half()
    const gaps: number[] = []
    let before = script.nowMs
    for (let retry = 0; retry < 5; retry++) {
      script.advanceUntilSent()
      script.expectSegments({ flags: 'SA' })
      gaps.push(Math.round(script.nowMs - before))
      before = script.nowMs
    }
    // RFC 6298 (5.5): "The host MUST set RTO <- RTO * 2".
    expect(gaps).toEqual([1000, 2000, 4000, 8000, 16000])
    script.advance(40_000)
    script.drain()
    expect(script.tcp.halfOpenCount).toBe(0)
    expect(script.tcp.connectionCount).toBe(0)
  })
})

describe('SYN-SENT', () => {
  it('sends a SYN with MSS, scale and timestamps and completes on the SYN-ACK', () => {
    const script = new TcpScript()
    const { socket, log } = script.connect()
    script.expectSegments({ flags: 'S', sequence: 0, mss: 1460, windowScale: 5, length: 0 })
    script.send({
      flags: 'SA',
      sequence: 0,
      acknowledgment: 1,
      mss: 1200,
      windowScale: 2,
      timestamp: [5, 0],
    })
    // The whole buffer, scaled: 512 KiB are one unit more than 16 bits can say.
    const [reply] = script.expectSegments({
      flags: 'A',
      sequence: 1,
      acknowledgment: 1,
      window: 32_768,
    })
    expect(reply!.timestamp![1]).toBe(5)
    expect(log.events).toEqual(['established'])
    expect(socket.segmentSize).toBe(1200 - 12)
  })

  it.each([0, 2, -5])('resets a SYN-ACK of ACK %i and keeps waiting', (number) => {
    const script = new TcpScript()
    const { log } = script.connect()
    script.drain()
    script.send({ flags: 'SA', sequence: 0, acknowledgment: number, mss: 1460 })
    script.expectSegments({ flags: 'R', sequence: number }, { flags: 'S', sequence: 0 })
    script.send({ flags: 'SA', sequence: 0, acknowledgment: 1, mss: 1460 })
    script.expectSegments({ flags: 'A' })
    expect(log.events).toEqual(['established'])
  })

  it('resets a stale ACK and sends its SYN again at once behind that, once (RFC 9293 §3.5.1, §3.10.7.3)', () => {
    const script = new TcpScript()
    const { socket, log } = script.connect()
    script.expectSegments({ flags: 'S', sequence: 0 })
    // The challenge of a peer that is still in a connection of before this side's restart, and data
    // of it.
    const stale = { flags: 'A', sequence: 7000, acknowledgment: -90_000 }
    script.send(stale)
    script.expectSegments({ flags: 'R', sequence: -90_000, length: 0 }, { flags: 'S', sequence: 0 })
    script.send(stale, { ...stale, payload: 'old' })
    script.expectSegments({ flags: 'R' }, { flags: 'R' })
    script.send({ flags: 'SA', sequence: 0, acknowledgment: 1, mss: 1460 })
    script.expectSegments({ flags: 'A', sequence: 1, acknowledgment: 1 })
    expect(log.events).toEqual(['established'])
    // Nothing was lost: no sample (Karn), no window of one segment (RFC 6928 §2).
    expect(socket.rtt.smoothedMs).toBe(0)
    expect(socket.congestion.windowBytes).toBeGreaterThan(2 * 1460)
  })

  it('is as patient as ever after that, and its timer counts from the second SYN', () => {
    const script = new TcpScript()
    const { log } = script.connect()
    script.drain()
    script.advance(500)
    script.send({ flags: 'A', sequence: 7000, acknowledgment: -90_000 })
    script.expectSegments({ flags: 'R' }, { flags: 'S' })
    expect(script.advanceUntilSent()).toBe(1000)
    script.advance(178_000)
    expect(log.events).toEqual([])
    script.advance(120_000)
    expect(log.events).toEqual(['closed timeout'])
  })

  it('never answers a stale ACK that is itself a reset', () => {
    const script = new TcpScript()
    script.connect()
    script.drain()
    script.send({ flags: 'RA', sequence: 7000, acknowledgment: -90_000 })
    script.expectSilence()
  })

  it('takes no sample from a handshake whose SYN went twice (Karn)', () => {
    const script = new TcpScript()
    const { socket } = script.connect()
    script.drain()
    script.advance(100)
    script.send(syn())
    script.expectSegments({ flags: 'SA' })
    script.advance(1)
    script.send({ flags: 'SA', sequence: 0, acknowledgment: 1, mss: 1460 })
    script.drain()
    expect(socket.state).toBe(TcpState.Established)
    expect(socket.rtt.smoothedMs).toBe(0)
  })

  it('takes a RST for a refusal only when it acknowledges the SYN', () => {
    const script = new TcpScript()
    const { log } = script.connect()
    script.drain()
    script.send(rst(0), { flags: 'RA', sequence: 0, acknowledgment: 7 })
    script.expectSilence()
    expect(log.events).toEqual([])
    script.send({ flags: 'RA', sequence: 0, acknowledgment: 1 })
    script.expectSilence()
    expect(log.events).toEqual(['closed refused'])
  })

  it('opens simultaneously (RFC 9293 §3.5, figure 7)', () => {
    const script = new TcpScript()
    const { socket, log } = script.connect()
    script.expectSegments({ flags: 'S' })
    script.send(syn())
    script.expectSegments({ flags: 'SA', sequence: 0, acknowledgment: 1 })
    expect(socket.state).toBe(TcpState.SynReceived)
    script.send({ flags: 'SA', sequence: 0, acknowledgment: 1, mss: 1460 })
    script.drain()
    expect(socket.state).toBe(TcpState.Established)
    expect(log.events).toEqual(['established'])
  })

  it('takes the window of a SYN-ACK as it is, also when opening simultaneously (RFC 7323 §2.2)', () => {
    const script = new TcpScript()
    const { socket } = script.connect()
    script.drain()
    script.send(syn({ window: 1000, windowScale: 10 }))
    script.drain()
    const answer = { sequence: 0, acknowledgment: 1, window: 1000, mss: 1460, windowScale: 10 }
    script.send({ flags: 'SA', ...answer })
    script.drain()
    expect(socket.state).toBe(TcpState.Established)
    expect(socket.sendWindow).toBe(1000)
    script.send(ack(1, { window: 1000 }))
    expect(socket.sendWindow).toBe(1000 << 10)
  })

  it('begins with one segment when its SYN was lost (RFC 6928 §2)', () => {
    const script = new TcpScript()
    const { socket } = script.connect()
    script.drain()
    script.advanceUntilSent()
    script.drain()
    script.send({ flags: 'SA', sequence: 0, acknowledgment: 1, mss: 1460 })
    socket.send(new Uint8Array(20_000), 0, 20_000)
    expect(script.drain().filter(({ length }) => length > 0)).toHaveLength(1)
  })

  it('gives up after as long when its SYN cannot even leave, and sends it once it can', () => {
    const script = new TcpScript()
    script.isDeviceFull = true
    const { socket, log } = script.connect()
    script.advance(100_000)
    expect(log.events).toEqual([])
    expect(socket.statistics.retransmissions).toBe(0)
    script.isDeviceFull = false
    script.expectSegments({ flags: 'S' })
    script.isDeviceFull = true
    script.advance(300_000)
    expect(log.events).toEqual(['closed timeout'])
  })

  it('gives up after three minutes or more (MUST-23)', () => {
    const script = new TcpScript()
    const { log } = script.connect()
    const startMs = script.nowMs
    script.drain()
    script.advance(179_000)
    expect(log.events).toEqual([])
    script.advance(120_000)
    expect(log.events).toEqual(['closed timeout'])
    expect(script.nowMs - startMs).toBeGreaterThan(180_000)
  })

  it('fails at once without a route, and soon without a neighbor', () => {
    const script = new TcpScript()
    script.hasRoute = false
    expect(() => script.connect()).toThrow(/no route/)
    script.hasRoute = true
    script.isUnreachable = true
    const { log } = script.connect()
    script.advance(10)
    script.advance(10)
    expect(log.events).toEqual(['closed unreachable'])
  })

  it('keeps data that was queued before the connection exists', () => {
    const script = new TcpScript()
    const { socket } = script.connect()
    socket.send(new Uint8Array([1, 2, 3]), 0, 3)
    script.expectSegments({ flags: 'S', length: 0 })
    script.send({ flags: 'SA', sequence: 0, acknowledgment: 1, mss: 1460 })
    script.expectSegments({ flags: 'PA', sequence: 1, length: 3 })
  })
})

describe('the MSS', () => {
  it('fits the least link of RFC 791, 68 octets, with timestamps too', () => {
    for (const [timestamp, segmentSize] of [
      [undefined, 28],
      [[1, 0] as [number, number], 16],
    ] as const) {
      const script = new TcpScript({ mtu: 68 })
      const { socket } = script.establish({ mss: 1460, ...(timestamp ? { timestamp } : {}) })
      expect(socket.segmentSize).toBe(segmentSize)
      socket.send(new Uint8Array(100), 0, 100)
      for (const { length } of script.drain()) expect(length).toBeLessThanOrEqual(segmentSize)
    }
  })

  it.each([
    [4, 536],
    [6, 1220],
  ] as const)('of a SYN without the option is the default of IPv%i (MUST-15)', (version, mss) => {
    const script = new TcpScript({ version })
    const listener = script.listen()
    script.send({ flags: 'S', sequence: 0 })
    script.drain()
    script.send(ack(1))
    script.drain()
    const socket = listener.accept()!
    socket.send(new Uint8Array(4000), 0, 4000)
    expect(script.drain()[0]!.length).toBe(mss)
  })

  it.each([0, 1, 8, 47])('of %i counts as 48', (mss) => {
    const script = new TcpScript()
    const { socket } = script.establish({ mss })
    socket.send(new Uint8Array(100), 0, 100)
    expect(script.drain()[0]!.length).toBe(48)
  })

  it('leaves room for the options (RFC 9293 §3.7.1 MUST-16)', () => {
    const script = new TcpScript()
    const { socket } = script.establish({ mss: 100, timestamp: [1, 0] })
    socket.send(new Uint8Array(300), 0, 300)
    expect(script.drain()[0]!.length).toBe(88)
  })

  it('of 65535 is bounded by the path', () => {
    const script = new TcpScript({ mtu: 1400 })
    const { socket } = script.establish({ mss: 65535 })
    socket.send(new Uint8Array(3000), 0, 3000)
    expect(script.drain()[0]!.length).toBe(1360)
  })

  it('survives options of impossible length (MUST-7)', () => {
    for (const rawOptions of [
      [2, 0, 0, 0],
      [2, 1, 0, 0],
      [2, 255, 0, 0],
      [2, 3, 5, 0],
      [253, 4, 0, 0],
    ]) {
      const script = new TcpScript()
      script.listen()
      script.send({ flags: 'S', sequence: 0, rawOptions })
      script.expectSegments({ flags: 'SA' })
    }
  })
})

describe('window scaling', () => {
  it('takes a shift above 14 as 14 (RFC 7323 §2.3)', () => {
    const script = new TcpScript()
    const { socket } = script.establish({ windowScale: 255 })
    expect(socket.sendScale).toBe(14)
  })

  it('does not scale the window of a SYN, nor either side when one does not offer it', () => {
    const script = new TcpScript()
    const { socket } = script.establish({})
    expect([socket.sendScale, socket.receiveScale]).toEqual([0, 0])
    expect(socket.sendWindow).toBe(65535)
    const scaled = new TcpScript()
    scaled.listen()
    scaled.send(syn({ windowScale: 3, window: 1000 }))
    scaled.expectSegments({ flags: 'SA', window: 65_535, windowScale: 5 })
    scaled.send(ack(1, { window: 1000 }))
    expect([...scaled.tcp.sockets()][0]!.sendWindow).toBe(8000)
  })
})

describe('sequence numbers near the wrap', () => {
  it.each([-1, -2, 0x7fffffff, -0x80000000, 0])('complete a handshake from %i', (peerIsn) => {
    const script = new TcpScript({ peerIsn })
    const { socket } = script.establish()
    script.send(data(1, 'abcdef'))
    script.drain()
    expect(socket.receivedLength).toBe(6)
  })
})
