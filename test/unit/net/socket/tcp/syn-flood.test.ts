/**
 * A SYN flood: cookies for whom the queue has no room, no reset for anybody, nothing kept (RFC
 * 4987, RFC 9293 §3.10.7.2).
 */
import { describe, expect, it } from 'vitest'
import { COOKIE_PERIOD_MS } from '../../../../../net/socket/tcp/open/syn-cookie.ts'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import { ack, data, fin, syn, TcpScript } from '../../../../support/tcp-script.ts'

const LIMITS = { maxHalfOpen: 24, maxHalfOpenPerListener: 16 }

/** A listener whose queue is full of nobody. */
function flooded(version: 4 | 6 = 4) {
  const script = new TcpScript({ version, configuration: LIMITS })
  const listener = script.listen(100)
  for (let port = 1; port <= LIMITS.maxHalfOpenPerListener; port++) {
    script.send(syn({ sourcePort: port }))
  }
  script.drain()
  return { script, listener }
}

describe.each([4, 6] as const)('a client of IPv%i during a flood', (version) => {
  it('connects by a cookie that holds its MSS, its scale and its timestamps', () => {
    const { script, listener } = flooded(version)
    script.send(syn({ mss: 1400, windowScale: 7, timestamp: [500, 0] }))
    const [answer] = script.expectSegments({ flags: 'SA', acknowledgment: 1, windowScale: 5 })
    expect(script.tcp.halfOpenCount).toBe(16)
    script.advance(120)
    script.send(ack(1, { window: 10, timestamp: [510, answer!.timestamp![0]] }))
    script.expectSilence()
    const socket = listener.accept()!
    expect(socket.state).toBe(TcpState.Established)
    // The next smaller size of the table.
    expect(socket).toMatchObject({ peerMss: 1360, sendScale: 7, receiveScale: 5 })
    expect(socket).toMatchObject({ hasTimestamps: true, timestampRecent: 510, sendWindow: 10 << 7 })
    script.send(data(1, 'request', { timestamp: [520, answer!.timestamp![0]] }))
    script.drain()
    expect(socket.receivedLength).toBe(7)
    socket.send(Buffer.from('answer'), 0, 6)
    const [sent] = script.expectSegments({ flags: 'PA', sequence: 1, acknowledgment: 8, length: 6 })
    // What the peer takes for our clock goes on (RFC 7323 §5.3).
    expect((sent!.timestamp![0] - answer!.timestamp![0]) | 0).toBeGreaterThanOrEqual(120)
    expect((sent!.timestamp![0] - answer!.timestamp![0]) | 0).toBeLessThan(120 + 64)
  })

  it('without timestamps is offered no scale, and its windows are taken as they are', () => {
    const { script, listener } = flooded(version)
    script.send(syn({ windowScale: 7 }))
    script.expectSegments({
      flags: 'SA',
      windowScale: null,
      timestamp: null,
      mss: version === 4 ? 1460 : 1440,
    })
    script.send(ack(1, { window: 1000 }))
    script.drain()
    const socket = listener.accept()!
    expect(socket).toMatchObject({ sendScale: 0, receiveScale: 0, sendWindow: 1000 })
    expect(socket).toMatchObject({ hasTimestamps: false, peerMss: 1460 })
  })

  it('whose bare ACK is lost is let in by its data, also with a FIN', () => {
    const { script, listener } = flooded(version)
    script.send(syn())
    script.drain()
    script.send(fin(1, { payload: 'hello' }))
    script.expectSegments({ flags: 'A', acknowledgment: 7 })
    const socket = listener.accept()!
    expect([socket.state, socket.receivedLength]).toEqual([TcpState.CloseWait, 5])
  })

  it('whose segments overtake each other is not reset: what cannot be judged is dropped', () => {
    const { script, listener } = flooded(version)
    script.send(syn())
    script.drain()
    script.send(data(6, 'world'))
    script.expectSilence()
    expect(script.tcp.statistics.drops.synCookieInvalid).toBe(1)
    script.send(data(1, 'hello'), data(6, 'world'))
    script.drain()
    expect(listener.accept()!.receivedLength).toBe(10)
  })
})

describe('a SYN flood', () => {
  it('evicts nobody and resets nobody: who was half open before is let in, whatever came since', () => {
    const script = new TcpScript({ configuration: LIMITS })
    const listener = script.listen(100)
    script.send(syn())
    const { localIsn } = script
    const sent = script.drain()
    for (let port = 1; port <= 2000; port++) {
      script.send(syn({ sourcePort: port }))
      sent.push(...script.drain())
    }
    script.localIsn = localIsn
    script.send(ack(1))
    sent.push(...script.drain())
    expect(listener.accept()!.remotePort).toBe(40_000)
    expect(sent.filter(({ flags }) => flags !== 'SA')).toEqual([])
  })

  it('opens no flow and keeps nothing, however long it lasts', () => {
    const { script } = flooded()
    for (let round = 0; round < 400; round++) {
      script.advance(1000)
      script.drain()
      for (let port = 1; port <= 20; port++) script.send(syn({ sourcePort: 100 * round + port }))
      expect(script.tcp.halfOpenCount).toBeLessThanOrEqual(LIMITS.maxHalfOpenPerListener)
    }
    expect(script.flows).toEqual([])
    expect(script.tcp.connectionCount).toBe(0)
    script.advance(200_000)
    script.drain()
    expect(script.tcp.halfOpenCount).toBe(0)
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('of one listener leaves the others their queue, until all places are taken', () => {
    const { script } = flooded()
    script.tcp.listen({ port: 81 })
    for (let port = 1; port <= 20; port++) {
      script.send(syn({ sourcePort: port, destinationPort: 81 }))
    }
    script.drain()
    expect(script.tcp.halfOpenCount).toBe(24)
    expect(script.tcp.statistics.synCookiesSent).toBe(12)
  })

  it('gives no cookie once the queue has room, and takes none that are two minutes old', () => {
    const { script, listener } = flooded()
    script.send(syn())
    script.drain()
    script.advance(2 * COOKIE_PERIOD_MS)
    script.drain()
    expect(script.tcp.halfOpenCount).toBe(0)
    // RFC 9293 §3.10.7.2: in calm times any ACK for a listener is reset again.
    script.send(ack(1))
    script.expectSegments({ flags: 'R', sequence: 1 })
    expect(listener.accept()).toBeNull()
    script.send(syn())
    script.drain()
    expect([script.tcp.halfOpenCount, script.tcp.statistics.synCookiesSent]).toEqual([1, 1])
  })

  it('makes no listener take cookies that were none of its', () => {
    const { script } = flooded()
    script.send(syn())
    script.drain()
    const other = script.tcp.listen({ port: 81 })
    script.send(ack(1, { destinationPort: 81 }))
    script.expectSegments({ flags: 'R' })
    expect(other.accept()).toBeNull()
  })

  it('does not make a cookie of an ACK that was never asked for', () => {
    const { script, listener } = flooded()
    script.send(syn())
    script.drain()
    for (let guess = 2; guess < 5000; guess++) script.send(ack(guess))
    script.expectSilence()
    expect(listener.accept()).toBeNull()
    expect(script.tcp.statistics.drops.synCookieInvalid).toBe(4998)
  })

  it('is over for a cookie whose listener has no place: the ACK is dropped, and its data is another try', () => {
    const script = new TcpScript({ configuration: LIMITS })
    const listener = script.listen(1)
    for (let port = 1; port <= 17; port++) script.send(syn({ sourcePort: port }))
    const seventeenth = script.localIsn
    script.send(syn())
    const mine = script.localIsn
    script.drain()
    script.localIsn = seventeenth
    script.send(ack(1, { sourcePort: 17 }))
    script.localIsn = mine
    script.send(ack(1))
    script.expectSilence()
    expect(script.tcp.statistics.drops.backlogFull).toBe(1)
    expect(listener.accept()!.remotePort).toBe(17)
    script.send(data(1, 'abc'))
    script.drain()
    expect(listener.accept()!.receivedLength).toBe(3)
  })
})
