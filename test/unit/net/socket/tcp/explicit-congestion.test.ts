/** Explicit congestion notification, from either side (RFC 3168). */
import { describe, expect, it } from 'vitest'
import type { TcpConfiguration } from '../../../../../net/socket/tcp/configuration.ts'
import { ack, data, syn, TcpScript } from '../../../../support/tcp-script.ts'

const MSS = 1460
const ECT = 2
const CE = 3

/** A connection whose peer has asked for ECN. */
function established() {
  const script = new TcpScript({ superSegmentLimit: 65_000 })
  script.peerWindow = 512
  const listener = script.listen()
  script.send(syn({ flags: 'SEC', windowScale: 7, sackPermitted: true }))
  script.expectSegments({ flags: 'SAE', ecn: 0 })
  script.send(ack(1))
  script.expectSilence()
  return { script, socket: listener.accept()! }
}

describe('the handshake (§6.1.1)', () => {
  it.each<[TcpConfiguration['explicitCongestion'], string, string]>([
    ['accept', 'SEC', 'SAE'],
    ['offer', 'SEC', 'SAE'],
    ['off', 'SEC', 'SA'],
    ['accept', 'S', 'SA'],
    ['accept', 'SE', 'SA'],
  ])('when configured to %s answers %s with %s', (explicitCongestion, flags, answer) => {
    const script = new TcpScript({ configuration: { explicitCongestion } })
    script.listen()
    script.send(syn({ flags }))
    script.expectSegments({ flags: answer })
  })

  it('asks only where configured to, and not again once a SYN was lost (§6.1.1.1)', () => {
    const script = new TcpScript({ configuration: { explicitCongestion: 'offer' } })
    const { socket } = script.connect()
    script.expectSegments({ flags: 'SEC' })
    script.advanceUntilSent()
    script.expectSegments({ flags: 'S' })
    script.send({ flags: 'SA', sequence: 0, acknowledgment: 1, mss: MSS })
    script.drain()
    expect(socket.hasExplicitCongestion).toBe(false)
    const plain = new TcpScript()
    plain.connect()
    plain.expectSegments({ flags: 'S' })
  })

  it('lets nothing be marked after a SYN that did not ask, but tells of marks when the first was answered', () => {
    const script = new TcpScript({ configuration: { explicitCongestion: 'offer' } })
    const { socket } = script.connect()
    script.drain()
    script.advanceUntilSent()
    script.expectSegments({ flags: 'S' })
    script.send({ flags: 'SAE', sequence: 0, acknowledgment: 1, mss: MSS })
    script.expectSegments({ flags: 'A' })
    // "A host MUST NOT set ECT on data packets unless it ... has sent no non-ECN-setup SYN".
    socket.send(new Uint8Array(100), 0, 100)
    script.expectSegments({ flags: 'PA', ecn: 0 })
    // A host that has sent an ECN-setup SYN and received no other SYN-ACK "MUST process these
    // packets as specified for an ECN-capable connection".
    script.send(data(1, 'marked', { acknowledgment: 101, ecn: CE }))
    script.advance(200)
    expect(script.drain()).toMatchObject([{ flags: 'AE', acknowledgment: 7 }])
    script.send(data(7, 'next', { flags: 'PAC', acknowledgment: 101, ecn: ECT }))
    script.advance(200)
    expect(script.drain()).toMatchObject([{ flags: 'A', acknowledgment: 11 }])
    // An echo that nothing can have brought about changes nothing.
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    const before = socket.congestion.windowBytes
    script.send(ack(101, { sequence: 11, flags: 'AE' }))
    expect([socket.congestion.windowBytes, socket.isReductionDue]).toEqual([before, false])
  })

  it('lets nothing be marked in a simultaneous open after a SYN of ours that did not ask', () => {
    const script = new TcpScript({ configuration: { explicitCongestion: 'offer' } })
    const { socket } = script.connect()
    script.drain()
    script.advanceUntilSent()
    script.expectSegments({ flags: 'S' })
    script.send(syn({ flags: 'SEC' }))
    script.expectSegments({ flags: 'SAE' })
    script.send(ack(1))
    socket.send(new Uint8Array(100), 0, 100)
    script.expectSegments({ flags: 'PA', ecn: 0 })
  })

  it.each([
    ['SYN', { flags: 'S', sequence: 0 }],
    ['SYN-ACK', { flags: 'SA', sequence: 0, acknowledgment: 1 }],
  ])(
    'lets nothing be marked in a simultaneous open after a %s that did not ask',
    (_what, second) => {
      const script = new TcpScript({ configuration: { explicitCongestion: 'offer' } })
      const { socket } = script.connect()
      script.expectSegments({ flags: 'SEC' })
      script.send(syn({ flags: 'SEC' }))
      script.expectSegments({ flags: 'SAE' })
      // "If a host has received at least one non-ECN-setup SYN or non-ECN-setup SYN-ACK packet,
      // then it SHOULD NOT set ECT on data packets."
      script.send({ ...second, mss: MSS })
      script.drain()
      script.send(ack(1))
      socket.send(new Uint8Array(100), 0, 100)
      const sent = script.drain().filter(({ length }) => length > 0)
      expect(sent).toMatchObject([{ flags: 'PA', ecn: 0 }])
    },
  )

  it.each([
    ['SAE', true],
    ['SA', false],
    // A host that only reflects the bits.
    ['SAEC', false],
  ])('takes %s for an answer to it: %s', (flags, isAgreed) => {
    const script = new TcpScript({ configuration: { explicitCongestion: 'offer' } })
    const { socket } = script.connect()
    script.drain()
    script.send({ flags, sequence: 0, acknowledgment: 1, mss: MSS })
    script.expectSegments({ flags: 'A', ecn: 0 })
    expect(socket.hasExplicitCongestion).toBe(isAgreed)
  })
})

describe('the receiver (§6.1.3)', () => {
  it('echoes a mark in every ACK until the sender answers with CWR', () => {
    const { script, socket } = established()
    script.send(
      data(1, new Uint8Array(MSS), { ecn: CE }),
      data(1 + MSS, new Uint8Array(MSS), { ecn: ECT }),
    )
    script.expectSegments({ flags: 'AE', acknowledgment: 1 + 2 * MSS })
    script.send(data(1 + 2 * MSS, new Uint8Array(2 * MSS), { ecn: ECT }))
    script.expectSegments({ flags: 'AE' })
    script.send(data(1 + 4 * MSS, new Uint8Array(2 * MSS), { flags: 'AC', ecn: ECT }))
    script.expectSegments({ flags: 'A' })
    script.send(data(1 + 6 * MSS, new Uint8Array(2 * MSS), { flags: 'AC', ecn: CE }))
    script.expectSegments({ flags: 'AE' })
    expect(socket.statistics.congestionMarks).toBe(2)
  })

  it('echoes nothing where nothing was agreed', () => {
    const script = new TcpScript()
    script.establish()
    script.send(data(1, new Uint8Array(2 * MSS), { ecn: CE }))
    script.expectSegments({ flags: 'A' })
  })
})

describe('the sender', () => {
  it('marks new data as capable, but neither ACKs nor what is sent again (§6.1.4, §6.1.5)', () => {
    const { script, socket } = established()
    socket.send(new Uint8Array(2 * MSS), 0, 2 * MSS)
    script.expectSegments({ length: 2 * MSS, ecn: ECT })
    script.send(data(1, new Uint8Array(2 * MSS)))
    script.expectSegments({ flags: 'A', length: 0, ecn: 0 })
    script.advanceUntilSent()
    const [again] = script.drain()
    expect(again).toMatchObject({ ecn: 0 })
    expect(again!.length).toBeGreaterThan(0)
  })

  it('does not mark the probe of a closed window (§6.1.6)', () => {
    const { script, socket } = established()
    script.send(ack(1, { window: 0 }))
    socket.send(new Uint8Array(100), 0, 100)
    script.drain()
    script.advanceUntilSent()
    script.expectSegments({ length: 1, ecn: 0 })
  })

  it('reduces once a window for the echo, and says so with the first new data (§6.1.2)', () => {
    const { script, socket } = established()
    socket.send(new Uint8Array(100 * MSS), 0, 100 * MSS)
    script.drain()
    const window = socket.congestion.windowBytes
    script.nowMs += 1
    script.send(ack(1 + MSS, { flags: 'AE' }), ack(1 + 2 * MSS, { flags: 'AE' }))
    expect(socket.congestion.windowBytes).toBeLessThan(0.8 * window)
    expect(socket.congestion.windowBytes).toBeGreaterThan(0.6 * window)
    expect(socket.statistics.congestionEchoes).toBe(1)
    script.send(ack(1 + 9 * MSS))
    const sent = script.drain()
    expect(sent.map(({ flags }) => flags.includes('C'))).toEqual(
      sent.map((_, index) => index === 0),
    )
    expect(sent[0]!.length).toBeGreaterThan(0)
    expect(socket.statistics.retransmissions).toBe(0)
  })

  it('says so for a loss as well', () => {
    const { script, socket } = established()
    socket.send(new Uint8Array(100 * MSS), 0, 100 * MSS)
    script.drain()
    script.nowMs += 1
    script.send(ack(1, { sack: [[1 + MSS, 1 + 9 * MSS]] }))
    const fresh = script.drain().filter(({ sequence }) => sequence > 9 * MSS)
    expect(fresh[0]!.flags).toContain('C')
    expect(fresh.slice(1).some(({ flags }) => flags.includes('C'))).toBe(false)
  })

  it('is not moved by an echo that nothing was agreed about', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    socket.send(new Uint8Array(20 * MSS), 0, 20 * MSS)
    script.drain()
    const window = socket.congestion.windowBytes
    script.send(ack(1 + MSS, { flags: 'AE' }))
    expect(socket.congestion.windowBytes).toBeGreaterThanOrEqual(window)
  })
})
