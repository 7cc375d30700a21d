/**
 * FIN-WAIT-2 once nobody uses the connection: a record that says what RFC 9293 §3.10.7.4 has a
 * connection say.
 */
import { describe, expect, it } from 'vitest'
import type { TcpConfiguration } from '../../../../../net/socket/tcp/configuration.ts'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import {
  ack,
  data,
  fin,
  rst,
  type ScriptSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

const PORT = 100

/** Our FIN is acknowledged, and nobody waits for what the peer says. */
function waiting(how: 'close' | 'linger' = 'close', options: Partial<ScriptSegment> = {}) {
  const script = new TcpScript()
  const { socket, log } = script.establish(options)
  socket[how]()
  const stamped: Partial<ScriptSegment> = options.timestamp ? { timestamp: [1005, 0] } : {}
  script.expectSegments({ flags: 'FA', sequence: 1, acknowledgment: 1 })
  script.send(ack(2, stamped))
  script.expectSilence()
  expect([script.tcp.connectionCount, script.tcp.finWait2Count]).toEqual([0, 1])
  return { script, socket, log, drops: script.tcp.statistics.drops }
}

describe('FIN-WAIT-2 without a user', () => {
  it('is a record, and its user is told at once', () => {
    const { script, socket, log } = waiting()
    expect(log.events).toEqual(['closed in order'])
    expect(socket.state).toBe(TcpState.Closed)
    expect([script.tcp.orphanCount, script.tcp.timeWaitCount]).toEqual([0, 0])
    expect(script.tcp.findConnection(socket.localAddress, 80, socket.remoteAddress, 40_000)).toBe(
      null,
    )
    expect(() => socket.send(new Uint8Array(1), 0, 1)).toThrow('Cannot send: state is CLOSED')
  })

  it('becomes TIME-WAIT in place with the FIN, which is acknowledged', () => {
    const { script } = waiting()
    script.send(fin(1, { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
    expect([script.tcp.finWait2Count, script.tcp.timeWaitCount]).toEqual([0, 1])
    // "restart the 2 MSL time-wait timeout": of TIME-WAIT, whatever was left of the other.
    script.advance(script.tcp.configuration.timeWaitMs - 1)
    script.drain()
    expect(script.tcp.timeWaitCount).toBe(1)
    script.send(fin(1, { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
    script.advance(script.tcp.configuration.timeWaitMs)
    script.expectSilence()
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('comes of a half close when its user is gone, and not before', () => {
    for (const how of ['close', 'linger'] as const) {
      const script = new TcpScript()
      const { socket } = script.establish()
      socket.closeWrite()
      script.drain()
      script.send(ack(2))
      script.send(data(1, 'read', { acknowledgment: 2 }))
      script.advance(1_000)
      expect([socket.state, script.tcp.finWait2Count]).toEqual([TcpState.FinWait2, 0])
      script.drain()
      expect(socket.discard(10)).toBe(4)
      script.send(ack(2, { sequence: 5 }))
      socket[how]()
      script.drain()
      expect([socket.state, script.tcp.finWait2Count]).toEqual([TcpState.Closed, 1])
      script.send(fin(5, { acknowledgment: 2 }))
      script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 6 })
    }
  })

  it('ends without a word a minute after the peer was last heard', () => {
    const { script } = waiting()
    const { finWait2TimeoutMs } = script.tcp.configuration
    script.advance(finWait2TimeoutMs - 1)
    script.expectSilence()
    expect(script.tcp.finWait2Count).toBe(1)
    script.advance(1)
    script.expectSilence()
    expect(script.tcp.finWait2Count).toBe(0)
    script.send(fin(1, { acknowledgment: 2 }))
    script.expectSegments({ flags: 'R', sequence: 2 })
  })

  it.each([0, 10_000])(
    'lasts a minute from close on, however long the peer was silent before (%i ms)',
    (silenceMs) => {
      const script = new TcpScript()
      const { socket } = script.establish()
      const { finWait2TimeoutMs } = script.tcp.configuration
      socket.closeWrite()
      script.drain()
      script.send(ack(2))
      script.advance(finWait2TimeoutMs + silenceMs)
      expect(socket.state).toBe(TcpState.FinWait2)
      socket.close()
      script.advance(finWait2TimeoutMs - 1)
      script.expectSilence()
      expect([socket.state, script.tcp.finWait2Count]).toEqual([TcpState.Closed, 1])
      script.send(fin(1, { acknowledgment: 2 }))
      script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
    },
  )

  it('resets a peer that sends data (SHLD-3: "to show that data was lost")', () => {
    const { script } = waiting()
    script.send(data(1, 'late', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'RA', sequence: 2, acknowledgment: 1 })
    expect([script.tcp.finWait2Count, script.tcp.statistics.resetsSent]).toEqual([0, 1])
  })

  it('does so too when the data comes with the FIN, or behind a gap', () => {
    for (const late of [fin(1, { payload: 'x' }), data(1000, 'x')]) {
      const { script } = waiting()
      script.send({ ...late, acknowledgment: 2 })
      script.expectSegments({ flags: 'RA', sequence: 2 })
      expect(script.tcp.finWait2Count).toBe(0)
    }
  })

  it('only acknowledges data that had come before, and a FIN behind a gap', () => {
    const { script } = waiting()
    script.send(data(0, 'x', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    script.send(fin(100, { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    expect(script.tcp.finWait2Count).toBe(1)
  })

  it('says nothing to ACKs, and answers every keep-alive', () => {
    const { script } = waiting()
    script.send(ack(2), ack(1))
    script.expectSilence()
    for (let count = 0; count < 3; count++) {
      script.send(ack(2, { sequence: 0 }))
      script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    }
    expect(script.tcp.statistics.segmentsReceived).toBeGreaterThanOrEqual(5)
  })

  it('goes with a reset of the next number expected only (RFC 5961 §3.2)', () => {
    const { script, drops } = waiting()
    script.send(rst(0))
    script.expectSilence()
    expect(drops.outOfWindow).toBe(1)
    script.send(rst(2))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    expect([script.tcp.statistics.challengeAcksSent, script.tcp.finWait2Count]).toEqual([1, 1])
    script.send(rst(1))
    script.expectSilence()
    expect([script.tcp.statistics.resetsReceived, script.tcp.finWait2Count]).toEqual([1, 0])
  })

  it('challenges SYNs, whatever their numbers (RFC 5961 §4.2), and not each of a storm (§7)', () => {
    const { script, drops } = waiting()
    for (const sequence of [0, 1, 5_000_000]) script.send(syn({ sequence }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    expect([drops.outOfWindow, drops.challengeLimit]).toEqual([3, 2])
    script.advance(script.tcp.configuration.challengeAckIntervalMs)
    script.send(syn())
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    expect(script.tcp.finWait2Count).toBe(1)
  })

  it('believes no segment whose ACK cannot be (RFC 5961 §5.2), or that has none', () => {
    const { script, drops } = waiting()
    script.send(fin(1, { acknowledgment: 3 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    script.send(fin(1, { acknowledgment: -70_000_000 }))
    script.send({ flags: 'F', sequence: 1 })
    script.expectSilence()
    expect([drops.unacceptableAck, drops.noAckFlag]).toEqual([2, 1])
    expect([script.tcp.finWait2Count, script.tcp.timeWaitCount]).toEqual([1, 0])
  })

  it('takes no old duplicate for the FIN (RFC 7323 §5.3), and echoes the last timestamp', () => {
    const { script, drops } = waiting('close', { timestamp: [1000, 0] })
    script.send(fin(1, { acknowledgment: 2, timestamp: [1004, 0] }))
    const [answer] = script.expectSegments({ flags: 'A', acknowledgment: 1 })
    expect(answer!.timestamp![1]).toBe(1005)
    script.send(fin(1, { acknowledgment: 2 }))
    script.expectSilence()
    expect([drops.protectAgainstWrappedSequence, drops.missingTimestamp]).toEqual([1, 1])
    script.send(fin(1, { acknowledgment: 2, timestamp: [1006, 0] }))
    const [last] = script.expectSegments({ flags: 'A', acknowledgment: 2 })
    expect(last!.timestamp![1]).toBe(1006)
    expect(script.tcp.timeWaitCount).toBe(1)
  })

  it('keeps its ends: no other connection of ours takes them', () => {
    const script = new TcpScript()
    const { socket } = script.connect()
    script.drain()
    script.send({ ...syn(), flags: 'SA', acknowledgment: 1 })
    socket.close()
    script.drain()
    script.send(ack(2))
    script.drain()
    expect(script.tcp.finWait2Count).toBe(1)
    const { localPort, remoteAddress: address, remotePort: port } = socket
    const again = { address, port, localPort }
    expect(() => script.tcp.connect(again, script.nowMs)).toThrow('no free port')
  })

  it.each(['maxFinWait2', 'maxTimeWait'] as const)(
    'is bounded by %s: the one that is next to go makes room',
    (name) => {
      const configuration: Partial<TcpConfiguration> = { maxFinWait2: 100, maxTimeWait: 100 }
      const script = new TcpScript({ configuration: { ...configuration, [name]: 3 } })
      const listener = script.listen(PORT)
      for (let index = 0; index < 10; index++) {
        script.peerPort = 41_000 + index
        script.send(syn())
        script.drain()
        script.send(ack(1))
        script.drain()
        listener.accept()!.close()
        script.drain()
        script.send(ack(2))
        script.expectSilence()
        if (name === 'maxTimeWait') script.send(fin(1, { acknowledgment: 2 }))
        script.drain()
      }
      const { finWait2Recycled, timeWaitRecycled } = script.tcp.statistics
      const { finWait2Count, timeWaitCount, connectionCount } = script.tcp
      expect([finWait2Count, timeWaitCount, connectionCount]).toEqual(
        name === 'maxFinWait2' ? [3, 0, 0] : [0, 3, 0],
      )
      expect([finWait2Recycled, timeWaitRecycled]).toEqual(name === 'maxFinWait2' ? [7, 0] : [0, 7])
      // The last one is there.
      script.send(fin(1, { acknowledgment: 2 }))
      script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
      expect([script.tcp.finWait2Count, script.tcp.timeWaitCount]).toEqual(
        name === 'maxFinWait2' ? [2, 1] : [0, 3],
      )
    },
  )
})

describe('FIN-WAIT-2 with a user', () => {
  // RFC 6298 (5.2): "When all outstanding data has been acknowledged, turn off the retransmission
  // timer."
  it('has no retransmission timer, whatever comes', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    socket.closeWrite()
    script.drain()
    script.send(ack(2))
    script.drain()
    expect([socket.state, socket.retransmitDeadlineMs]).toEqual([TcpState.FinWait2, Infinity])
    script.send(data(1, 'more', { acknowledgment: 2 }))
    script.drain()
    expect([socket.receivedLength, socket.retransmitDeadlineMs]).toEqual([4, Infinity])
  })

  it('has no turn for ACKs that say nothing', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    socket.closeWrite()
    script.drain()
    script.send(ack(2))
    script.drain()
    script.send(ack(2, { window: 1000 }))
    expect(socket.isReady).toBe(false)
  })
})

describe('FIN-WAIT-2 after linger()', () => {
  it('gives a peer that was silent before as much time to read as any other', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    const { lingerTimeoutMs } = script.tcp.configuration
    socket.closeWrite()
    script.drain()
    script.send(ack(2))
    script.advance(2 * lingerTimeoutMs)
    socket.linger()
    script.advance(lingerTimeoutMs - 1)
    script.send(data(1, 'abc', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 4 })
    script.advance(1)
    script.expectSegments({ flags: 'RA', sequence: 2, acknowledgment: 4 })
  })

  it('drops and acknowledges what comes, and resets the peer when it had time to read', () => {
    const { script } = waiting('linger')
    const { lingerTimeoutMs } = script.tcp.configuration
    script.send(data(1, 'abc', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 4 })
    // Partly new.
    script.send(data(2, 'bcde', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 6 })
    script.send(data(100, 'gap', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 6 })
    script.advance(lingerTimeoutMs - 1)
    script.expectSilence()
    script.advance(1)
    // RFC 1122 §4.2.2.13: "its TCP SHOULD send a RST to show that data was lost".
    script.expectSegments({ flags: 'RA', sequence: 2, acknowledgment: 6 })
    expect([script.tcp.finWait2Count, script.tcp.statistics.resetsSent]).toEqual([0, 1])
  })

  it('ends in order with the FIN, which comes behind text or after a gap is filled', () => {
    const { script } = waiting('linger')
    script.send(fin(4, { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 1 })
    script.send(data(1, 'abc', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 4 })
    script.send(fin(4, { acknowledgment: 2, payload: 'z' }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 6 })
    expect([script.tcp.finWait2Count, script.tcp.timeWaitCount]).toEqual([0, 1])
    script.advance(script.tcp.configuration.timeWaitMs)
    script.expectSilence()
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('counts what came out of order before as lost too', () => {
    const script = new TcpScript()
    const { socket } = script.establish({ sackPermitted: true })
    socket.linger()
    script.drain()
    script.send(data(10, 'gap', { acknowledgment: 2 }))
    script.drain()
    expect([script.tcp.connectionCount, script.tcp.finWait2Count]).toEqual([0, 1])
    script.advance(script.tcp.configuration.lingerTimeoutMs)
    script.expectSegments({ flags: 'RA', sequence: 2, acknowledgment: 1 })
  })

  it('offers the window that the connection had', () => {
    const { script } = waiting('linger', { windowScale: 7 })
    script.send(data(1, 'abc', { acknowledgment: 2 }))
    const [answer] = script.expectSegments({ flags: 'A', acknowledgment: 4 })
    const { receiveBufferBytes } = script.tcp.configuration
    expect(answer!.window).toBeGreaterThan(0)
    expect(answer!.window).toBeLessThanOrEqual(receiveBufferBytes)
  })
})
