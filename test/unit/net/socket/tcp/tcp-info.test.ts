/**
 * tcpInfo: what a connection says of its path and of what holds it up, against what the peer and
 * the wire know.
 */
import { describe, expect, it } from 'vitest'
import { tcpInfo } from '../../../../../net/socket/tcp/tcp-info.ts'
import { ack, data, rst, type ScriptOptions, TcpScript } from '../../../../support/tcp-script.ts'

const MSS = 1460

function established(peerWindow: number, options: ScriptOptions = {}) {
  const script = new TcpScript({ superSegmentLimit: 65_000, ...options })
  script.peerWindow = peerWindow
  const { socket } = script.establish({ windowScale: 7 })
  return { script, socket }
}

describe('what a sender waits for', () => {
  it('is nothing when all that was queued is on its way, and the peer acknowledges it', () => {
    const { script, socket } = established(512)
    socket.send(new Uint8Array(2 * MSS), 0, 2 * MSS)
    script.drain()
    expect(tcpInfo(socket)).toMatchObject({
      state: 'ESTABLISHED',
      sendLimit: 'nothing',
      inFlightBytes: 2 * MSS,
      unsentBytes: 0,
      sendBuffer: { queuedBytes: 2 * MSS },
      bytesSent: 2 * MSS,
      isInRecovery: false,
    })
    script.send(ack(1 + 2 * MSS))
    const { inFlightBytes, sendBuffer } = tcpInfo(socket)
    expect([inFlightBytes, sendBuffer.queuedBytes]).toEqual([0, 0])
    expect(sendBuffer.freeBytes).toBe(sendBuffer.sizeBytes)
  })

  it('is the congestion window of ten segments at the start (RFC 6928)', () => {
    const { script, socket } = established(512)
    socket.send(new Uint8Array(40 * MSS), 0, 40 * MSS)
    script.drain()
    expect(tcpInfo(socket)).toMatchObject({
      sendLimit: 'congestion window',
      congestionWindowBytes: 10 * MSS,
      slowStartThresholdBytes: null,
      peerWindowBytes: 512 << 7,
      inFlightBytes: 10 * MSS,
      unsentBytes: 30 * MSS,
      segmentSizeBytes: MSS,
      pathMtuBytes: 1500,
    })
  })

  it('is the peer window when that is the smaller one', () => {
    const { script, socket } = established((4 * MSS) >> 7)
    socket.send(new Uint8Array(40 * MSS), 0, 40 * MSS)
    script.drain()
    const info = tcpInfo(socket)
    expect(info.sendLimit).toBe('peer window')
    expect(info.inFlightBytes).toBeLessThanOrEqual(info.peerWindowBytes)
    expect(info.congestionWindowBytes).toBe(10 * MSS)
  })

  it('is recovery from the third duplicate ACK until the hole is filled, and after a timeout', () => {
    const { script, socket } = established(512)
    socket.send(new Uint8Array(40 * MSS), 0, 40 * MSS)
    script.drain()
    script.nowMs += 20
    script.send(ack(1), ack(1), ack(1))
    script.drain()
    expect(tcpInfo(socket)).toMatchObject({
      sendLimit: 'recovery',
      isInRecovery: true,
      retransmissions: 1,
      retransmitTimeouts: 0,
    })
    expect(tcpInfo(socket).slowStartThresholdBytes).toBeLessThan(10 * MSS)
    script.send(ack(1 + tcpInfo(socket).inFlightBytes))
    expect(tcpInfo(socket).sendLimit).not.toBe('recovery')

    const other = established(512)
    other.socket.send(new Uint8Array(MSS), 0, MSS)
    other.script.drain()
    const before = tcpInfo(other.socket).retransmitTimeoutMs
    other.script.advanceUntilSent()
    other.script.drain()
    const late = tcpInfo(other.socket)
    expect(late).toMatchObject({ sendLimit: 'recovery', timeoutsInARow: 1, retransmitTimeouts: 1 })
    expect(late.retransmitTimeoutMs).toBe(2 * before)
  })

  it('knows what the peer has beyond a gap, and what counts as lost (RFC 2018, RFC 6675)', () => {
    const script = new TcpScript({ superSegmentLimit: 65_000 })
    script.peerWindow = 512
    const { socket } = script.establish({ windowScale: 7, sackPermitted: true })
    socket.send(new Uint8Array(40 * MSS), 0, 40 * MSS)
    script.drain()
    script.nowMs += 20
    const sack = [[1 + MSS, 1 + 5 * MSS]] as const
    script.isDeviceFull = true
    script.send(ack(1, { sack }))
    script.drain()
    expect(tcpInfo(socket)).toMatchObject({
      sendLimit: 'recovery',
      hasSelectiveAcks: true,
      sackedBytes: 4 * MSS,
      lostBytes: MSS,
    })
  })

  it('measures how fast the peer takes it, and says how fast it is paced', () => {
    const { script, socket } = established(512)
    // The handshake took no time here, and pacing goes by the least round trip.
    socket.rtt.minimumMs = 100
    script.nowMs += 50
    for (let sent = 0; sent < 40; sent += 10) {
      socket.send(new Uint8Array(10 * MSS), 0, 10 * MSS)
      script.drain()
      script.nowMs += 100
      script.send(ack(1 + (sent + 10) * MSS))
      script.drain()
    }
    const { deliveryRateBitsPerSecond, pacingRateBitsPerSecond } = tcpInfo(socket)
    // Ten segments every 100 ms.
    expect(deliveryRateBitsPerSecond).toBeGreaterThan(0.5 * 10 * MSS * 80)
    expect(deliveryRateBitsPerSecond).toBeLessThan(2 * 10 * MSS * 80)
    expect(pacingRateBitsPerSecond).toBeGreaterThan(0)
  })

  it('is the device when both windows have room', () => {
    const { script, socket } = established(512)
    script.isDeviceFull = true
    socket.send(new Uint8Array(2 * MSS), 0, 2 * MSS)
    script.drain()
    expect(tcpInfo(socket)).toMatchObject({ sendLimit: 'device', unsentBytes: 2 * MSS })
  })
})

describe('the rest', () => {
  it('has the round trip as it was measured, in milliseconds', () => {
    const { script, socket } = established(512)
    const before = tcpInfo(socket)
    expect(before.roundTripMs).toBeGreaterThanOrEqual(0)
    socket.send(new Uint8Array(10), 0, 10)
    script.drain()
    script.nowMs += 80
    script.send(ack(11))
    const after = tcpInfo(socket)
    expect(after.roundTripMs).toBeCloseTo(socket.rtt.smoothedMs, 2)
    expect(after.roundTripMs).toBeGreaterThan(before.roundTripMs)
    expect(after.minimumRoundTripMs).toBeLessThanOrEqual(80)
    expect(after.retransmitTimeoutMs).toBeGreaterThan(200)
  })

  it('shows what nobody reads, and ranges beyond a gap', () => {
    const { script, socket } = established(512)
    script.send(data(1, new Uint8Array(100)), data(1 + 200, new Uint8Array(50)))
    const { receiveBuffer, outOfOrderRanges, bytesReceived } = tcpInfo(socket)
    expect(receiveBuffer.queuedBytes).toBe(100)
    expect(receiveBuffer.freeBytes).toBe(receiveBuffer.sizeBytes - 100)
    expect([outOfOrderRanges, bytesReceived]).toEqual([1, 100])
  })

  it('outlives the connection: CLOSED, with nothing in flight', () => {
    const { script, socket } = established(512)
    socket.send(new Uint8Array(40 * MSS), 0, 40 * MSS)
    script.drain()
    script.send(rst(1))
    script.drain()
    expect(tcpInfo(socket)).toMatchObject({
      state: 'CLOSED',
      sendLimit: 'nothing',
      inFlightBytes: 0,
      bytesSent: 10 * MSS,
      sendBuffer: { sizeBytes: 0 },
    })
  })

  it('can be written as JSON: no number is lost', () => {
    const { socket } = established(512)
    expect(JSON.parse(JSON.stringify(tcpInfo(socket)))).toEqual(tcpInfo(socket))
  })
})
