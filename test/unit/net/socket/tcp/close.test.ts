/**
 * Ends of connections: RFC 9293 §3.6, §3.10.4-5, §3.10.7.4, RFC 6191; the states that TIME-WAIT and
 * half-close add.
 */
import { describe, expect, it } from 'vitest'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { ack, data, fin, rst, syn, TcpScript } from '../../../../support/tcp-script.ts'

function established() {
  const script = new TcpScript()
  return { script, ...script.establish() }
}

/** Our FIN is acknowledged, the peer's has not come. */
function finWait2() {
  const made = established()
  made.socket.closeWrite()
  made.script.expectSegments({ flags: 'FA', sequence: 1, acknowledgment: 1 })
  made.script.send(ack(2))
  made.script.expectSilence()
  expect(made.socket.state).toBe(TcpState.FinWait2)
  return made
}

function timeWait() {
  const made = finWait2()
  made.script.send(fin(1, { acknowledgment: 2 }))
  made.script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
  return made
}

describe('a connection ended from inside its own event', () => {
  it.each(['onReadable', 'onPeerFinished', 'onWritable'] as const)(
    '%s is told of its end',
    (event) => {
      const script = new TcpScript({ configuration: { sendBufferBytes: 16_384 } })
      const { socket, log } = script.establish()
      socket.handler = {
        [event](which: TcpSocket) {
          log.events.push(event)
          which.abort()
        },
        onClose: (which, error) => log.onClose(which, error),
      }
      if (event === 'onReadable') script.send(data(1, 'abc'))
      if (event === 'onPeerFinished') script.send(fin(1))
      if (event === 'onWritable') {
        socket.send(new Uint8Array(20_000), 0, 20_000)
        for (let acked = 1461; acked < 16_384; acked += 1460) {
          script.drain()
          script.send(ack(acked))
        }
      }
      script.drain()
      expect(log.events).toEqual([event, 'closed aborted'])
    },
  )
})

describe('closing first', () => {
  it('goes through FIN-WAIT-1, FIN-WAIT-2 and TIME-WAIT and frees the buffers at once', () => {
    const { script, socket, log } = timeWait()
    expect(log.events).toEqual(['closed in order'])
    expect([socket.sendBuffer.capacity, socket.receiveBuffer.capacity]).toEqual([0, 0])
    expect(script.tcp.timeWaitCount).toBe(1)
    expect(script.tcp.memory.pool.availableBytes).toBe(script.tcp.configuration.bufferBudgetBytes)
    script.advance(script.tcp.configuration.timeWaitMs)
    script.drain()
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('takes data in FIN-WAIT-2 after a half close', () => {
    const { script, socket } = finWait2()
    script.send(data(1, 'late', { acknowledgment: 2 }))
    script.drain()
    expect(socket.receivedLength).toBe(4)
    script.send(fin(5, { acknowledgment: 2 }))
    script.drain()
    const out = new Uint8Array(10)
    // The connection is over, what came with it is still there.
    expect(socket.receive(out, 0, 10)).toBe(4)
    expect(script.tcp.memory.pool.availableBytes).toBe(script.tcp.configuration.bufferBudgetBytes)
  })

  it('waits in FIN-WAIT-2 without limit for a half close, and a minute after close()', () => {
    const half = finWait2()
    half.script.advance(3_600_000)
    expect(half.socket.state).toBe(TcpState.FinWait2)
    half.socket.close()
    half.script.advance(60_000)
    expect(half.log.events).toEqual(['closed in order'])
  })

  it('closes simultaneously through CLOSING', () => {
    const { script, socket, log } = established()
    socket.closeWrite()
    script.expectSegments({ flags: 'FA', sequence: 1 })
    script.send(fin(1, { acknowledgment: 1 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
    expect(socket.state).toBe(TcpState.Closing)
    script.send(ack(2, { sequence: 2 }))
    script.drain()
    expect(log.events).toEqual(['peer finished', 'closed in order'])
    expect(script.tcp.timeWaitCount).toBe(1)
  })

  it('takes a FIN that also acknowledges ours straight to TIME-WAIT', () => {
    const { script, socket, log } = established()
    socket.closeWrite()
    script.drain()
    script.send(fin(1, { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
    expect(log.events).toEqual(['closed in order'])
  })

  it('sends the FIN again until it is acknowledged', () => {
    const { script, socket } = established()
    socket.closeWrite()
    script.expectSegments({ flags: 'FA' })
    script.advanceUntilSent()
    script.expectSegments({ flags: 'FA', sequence: 1 })
  })
})

describe('closing second', () => {
  it('goes through CLOSE-WAIT and LAST-ACK', () => {
    const { script, socket, log } = established()
    script.send(fin(1))
    script.expectSegments({ flags: 'A', acknowledgment: 2 })
    socket.send(new Uint8Array(10), 0, 10)
    socket.close()
    script.expectSegments({ flags: 'FPA', sequence: 1, length: 10 })
    expect(socket.state).toBe(TcpState.LastAck)
    script.send(ack(12, { sequence: 2 }))
    script.expectSilence()
    expect(log.events).toEqual(['peer finished', 'closed in order'])
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('answers the FIN again when it comes again', () => {
    const { script } = established()
    script.send(fin(1))
    script.drain()
    script.send(fin(1))
    script.expectSegments({ flags: 'A', acknowledgment: 2 })
  })
})

describe('close() with something left', () => {
  it('resets when received data was not read (SHLD-3)', () => {
    const { script, socket, log } = established()
    script.send(data(1, 'unread'))
    script.drain()
    socket.close()
    script.expectSegments({ flags: 'RA', sequence: 1 })
    expect(log.events.at(-1)).toBe('closed aborted')
  })

  it('resets when data arrives afterwards, and not before', () => {
    const { script, socket } = established()
    socket.close()
    script.expectSegments({ flags: 'FA' })
    script.send(ack(2))
    script.expectSilence()
    script.send(data(1, 'late', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'RA', sequence: 2 })
  })
})

describe('data after close()', () => {
  it('resets also while what was queued is still being acknowledged', () => {
    const { script, socket } = established()
    socket.send(new Uint8Array(3000), 0, 3000)
    socket.close()
    script.drain()
    script.send(data(1, 'late', { acknowledgment: 1461 }))
    const sent = script.drain()
    expect(sent.map(({ flags }) => flags)).toContain('RA')
    expect(socket.state).toBe(TcpState.Closed)
  })
})

describe('linger()', () => {
  it('sends all that is queued and the FIN though data is unread, and no reset before the peer has had time to read', () => {
    const { script, socket, log } = established()
    script.send(data(1, 'unread'))
    script.drain()
    socket.send(Buffer.from('answer'), 0, 6)
    socket.linger()
    script.expectSegments({ flags: 'FPA', sequence: 1, acknowledgment: 7, length: 6 })
    script.send(data(7, 'more', { acknowledgment: 8 }))
    const { lingerTimeoutMs } = script.tcp.configuration
    script.advance(lingerTimeoutMs - 1)
    script.expectSegments({ flags: 'A', sequence: 8, acknowledgment: 11 })
    expect([socket.state, script.tcp.finWait2Count]).toEqual([TcpState.Closed, 1])
    // RFC 1122 §4.2.2.13: "its TCP SHOULD send a RST to show that data was lost".
    script.advance(1)
    script.expectSegments({ flags: 'RA', sequence: 8, acknowledgment: 11 })
    expect(log.events).toEqual(['readable'])
    expect([script.tcp.connectionCount, script.tcp.finWait2Count]).toEqual([0, 0])
  })

  it('ends in order with a peer that finishes, at once or later', () => {
    for (const isFirst of [true, false]) {
      const { script, socket } = established()
      script.send(data(1, 'unread'))
      if (isFirst) script.send(fin(7))
      script.drain()
      socket.send(Buffer.from('answer'), 0, 6)
      socket.linger()
      const sent = script.drain()
      if (!isFirst) {
        script.send(ack(8, { sequence: 7 }))
        script.send(fin(7, { acknowledgment: 8 }))
      } else script.send(ack(8, { sequence: 8 }))
      sent.push(...script.drain())
      expect(sent.map(({ flags }) => flags).join()).not.toContain('R')
      expect(script.tcp.connectionCount).toBe(0)
    }
  })

  it('lets a peer that sent nothing unread be, and resets it for what it sends later', () => {
    const { script, socket } = established()
    socket.linger()
    script.drain()
    script.send(ack(2))
    script.advance(script.tcp.configuration.lingerTimeoutMs)
    script.expectSilence()
    expect(script.tcp.connectionCount).toBe(0)
    script.send(data(1, 'late', { acknowledgment: 2 }))
    script.expectSegments({ flags: 'R', sequence: 2 })
  })

  it('does not reset a peer that goes on sending before it has taken all, however slowly it does', () => {
    const { script, socket } = established()
    script.peerWindow = 100
    script.send(ack(1))
    socket.send(new Uint8Array(1000), 0, 1000)
    socket.linger()
    let taken = 1
    let said = 1
    const startMs = script.nowMs
    for (; taken < 1002; said++) {
      script.advance(30_000)
      for (const { flags, sequence, length } of script.drain()) {
        expect(flags).not.toContain('R')
        taken = Math.max(taken, sequence + length + (flags.includes('F') ? 1 : 0))
      }
      script.send(data(said, 'x', { acknowledgment: taken }))
    }
    expect(script.nowMs - startMs).toBeGreaterThanOrEqual(300_000)
    script.advance(script.tcp.configuration.lingerTimeoutMs)
    expect(script.drain().map(({ flags }) => flags)).toContain('RA')
    expect(script.tcp.connectionCount).toBe(0)
  })
})

describe('our FIN, which takes a number of the window (RFC 9293 §3.4)', () => {
  it('waits until there is room for it, and goes without what it would have ridden on', () => {
    const { script, socket } = established()
    script.peerWindow = 100
    script.send(ack(1))
    socket.send(new Uint8Array(100), 0, 100)
    socket.closeWrite()
    script.expectSegments({ flags: 'PA', sequence: 1, length: 100 })
    script.send(ack(101))
    script.expectSegments({ flags: 'FA', sequence: 101, length: 0 })
  })

  it.each([0, 100])(
    'is a probe when the window closes after %i bytes, and goes when it opens',
    (length) => {
      const { script, socket } = established()
      script.peerWindow = length
      script.send(ack(1))
      if (length > 0) socket.send(new Uint8Array(length), 0, length)
      socket.closeWrite()
      const sent = script.drain()
      expect(sent.map(({ flags }) => flags)).toEqual(length === 0 ? [] : ['PA'])
      script.peerWindow = 0
      if (length > 0) script.send(ack(1 + length))
      script.expectSilence()
      // §3.8.6.1: after one RTO, then ever later.
      for (let probe = 0; probe < 3; probe++) {
        script.advanceUntilSent()
        script.expectSegments({ flags: 'FA', sequence: 1 + length, length: 0 })
        script.send(ack(1 + length))
      }
      script.peerWindow = 1
      script.send(ack(1 + length))
      script.expectSegments({ flags: 'FA', sequence: 1 + length, length: 0 })
      script.send(ack(2 + length))
      expect(socket.state).toBe(TcpState.FinWait2)
      expect(socket.retransmitDeadlineMs).toBe(Number.POSITIVE_INFINITY)
    },
  )
})

it('sends no probe for a FIN that has been acknowledged meanwhile (RFC 9293 §3.8.6.1)', () => {
  const { script, socket } = established()
  script.peerWindow = 0
  script.send(ack(1))
  socket.closeWrite()
  script.advanceUntilSent()
  script.expectSegments({ flags: 'FA', sequence: 1, length: 0 })
  // The next one is due, and the device takes nothing.
  script.isDeviceFull = true
  script.advance(10_000)
  script.send(ack(2))
  expect(socket.state).toBe(TcpState.FinWait2)
  script.isDeviceFull = false
  script.expectSilence()
  script.advance(10_000)
  script.expectSilence()
})

describe('what nobody waits for any more', () => {
  it.each(['close', 'linger'] as const)(
    'is given up after %s when the peer answers probes of its closed window but takes nothing',
    (end) => {
      const { script, socket } = established()
      script.peerWindow = 0
      script.send(ack(1))
      socket.send(new Uint8Array(1000), 0, 1000)
      socket[end]()
      const startMs = script.nowMs
      while (script.tcp.connectionCount > 0 && script.nowMs < startMs + 400_000) {
        script.advanceUntilSent()
        script.drain()
        script.send(ack(1))
      }
      expect(script.tcp.connectionCount).toBe(0)
      expect(script.nowMs - startMs).toBeGreaterThanOrEqual(script.tcp.configuration.userTimeoutMs)
    },
  )
})

describe('abort()', () => {
  it.each(['established', 'fin-wait-1', 'close-wait'])('sends a reset from %s', (state) => {
    const { script, socket, log } = established()
    if (state === 'fin-wait-1') socket.closeWrite()
    if (state === 'close-wait') script.send(fin(1))
    script.drain()
    socket.abort()
    const [reset] = script.drain()
    expect(reset!.flags).toBe('RA')
    expect(log.events.at(-1)).toBe('closed aborted')
    expect(script.tcp.connectionCount).toBe(0)
  })

  it('sends nothing from SYN-SENT', () => {
    const script = new TcpScript()
    const { socket, log } = script.connect()
    script.drain()
    socket.abort()
    script.expectSilence()
    expect(log.events).toEqual(['closed aborted'])
  })
})

describe('TIME-WAIT', () => {
  it('acknowledges a repeated FIN and starts its time anew', () => {
    const { script } = timeWait()
    const { timeWaitMs } = script.tcp.configuration
    script.advance(timeWaitMs - 10)
    script.send(fin(1, { acknowledgment: 2 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
    script.advance(timeWaitMs - 10)
    script.drain()
    expect(script.tcp.timeWaitCount).toBe(1)
    script.advance(20)
    script.drain()
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('makes way for a SYN that is newer (MAY-2), not for an older one', () => {
    const { script } = timeWait()
    script.send(syn({ sequence: -1000 }))
    script.expectSegments({ flags: 'A', sequence: 2, acknowledgment: 2 })
    script.send(syn({ sequence: 1000 }))
    script.expectSegments({ flags: 'SA', acknowledgment: 1001 })
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('answers a storm of old segments now and then, not each: two hosts in it could go on for ever', () => {
    const { script } = timeWait()
    for (let count = 0; count < 100; count++) script.send(data(1, 'old', { acknowledgment: 2 }))
    expect(script.drain()).toHaveLength(1)
    script.advance(script.tcp.configuration.challengeAckIntervalMs)
    script.send(data(1, 'old', { acknowledgment: 2 }))
    expect(script.drain()).toHaveLength(1)
  })

  it('makes way by timestamps where both have them, whatever the sequence number (RFC 6191)', () => {
    const script = new TcpScript()
    const { socket } = script.establish({ timestamp: [1000, 0] })
    socket.closeWrite()
    script.drain()
    script.send(fin(1, { acknowledgment: 2, timestamp: [1005, 0] }))
    script.drain()
    expect(script.tcp.timeWaitCount).toBe(1)
    script.send(syn({ sequence: 5_000_000, timestamp: [1005, 0] }))
    script.expectSegments({ flags: 'A' })
    script.send(syn({ sequence: -5_000_000, timestamp: [1006, 0] }))
    script.expectSegments({ flags: 'SA' })
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('ends with a RST of the next number expected only', () => {
    const { script } = timeWait()
    script.send(rst(5))
    script.expectSilence()
    expect(script.tcp.timeWaitCount).toBe(1)
    script.send(rst(2))
    script.expectSilence()
    expect(script.tcp.timeWaitCount).toBe(0)
  })

  it('is bounded: the oldest makes room', () => {
    const script = new TcpScript({ configuration: { maxTimeWait: 3 } })
    const listener = script.listen(100)
    for (let index = 0; index < 10; index++) {
      script.peerPort = 41_000 + index
      script.send(syn())
      script.drain()
      script.send(ack(1))
      script.drain()
      listener.accept()!.close()
      script.drain()
      script.send(fin(1, { acknowledgment: 2 }))
      script.drain()
    }
    expect(script.tcp.timeWaitCount).toBe(3)
    expect(script.tcp.statistics.timeWaitRecycled).toBe(7)
  })
})

describe('keep-alive (RFC 9293 §3.8.4)', () => {
  it('is off by default (MUST-25)', () => {
    const { script } = established()
    script.advance(24 * 3_600_000)
    script.expectSilence()
  })

  it('starts nothing on a connection that is over', () => {
    const { script, socket } = established()
    socket.abort()
    script.drain()
    socket.setKeepAlive(5000)
    script.advance(20_000)
    script.expectSilence()
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('ends every turn, wherever fractions of a millisecond round to', () => {
    for (let step = 1; step < 400; step++) {
      const script = new TcpScript()
      script.nowMs = 1000 + step / 7
      const { socket } = script.establish()
      socket.setKeepAlive(3000 + 1 / step)
      expect(script.advanceUntilSent()).toBeCloseTo(3000, -1)
    }
  })

  it('probes without data when idle, survives a lost probe, and gives up after all of them', () => {
    const { script, socket, log } = established()
    socket.setKeepAlive(2000)
    script.advance(2000)
    script.expectSegments({ flags: 'A', sequence: 0, length: 0 })
    script.advance(2000)
    script.expectSegments({ flags: 'A', sequence: 0, length: 0 })
    script.send(ack(1))
    script.advance(1000)
    script.expectSilence()
    expect(log.events).toEqual([])
    script.advance(60_000)
    expect(log.events).toEqual(['closed timeout'])
  })
})

describe('the answer to a keep-alive', () => {
  it.each([2000, 75_000])('counts in the same instant as the probe too (idle %i ms)', (idleMs) => {
    const { script, socket, log } = established()
    socket.setKeepAlive(idleMs)
    for (let round = 0; round < 30; round++) {
      script.advanceUntilSent()
      script.expectSegments({ flags: 'A', sequence: 0, length: 0 })
      script.send(ack(1))
    }
    expect(log.events).toEqual([])
    script.advance(20 * 75_000)
    expect(log.events).toEqual(['closed timeout'])
  })
})

describe('ICMP errors (RFC 5927, RFC 9293 §3.9.2.2)', () => {
  function report(
    script: TcpScript,
    sequenceNumber: number,
    kind: 'hard' | 'soft' | 'mtu',
    mtu = 0,
  ) {
    script.tcp.processError(
      {
        ipVersion: 4,
        kind,
        mtu,
        isBelowFloor: kind === 'mtu' && mtu < 552,
        isProven: false,
        interfaceIndex: 0,
        source: script.local,
        destination: script.peer,
        sourcePort: script.localPort,
        destinationPort: script.peerPort,
        sequenceNumber,
      },
      script.nowMs,
    )
    script.drain()
  }

  it('never end an established connection, hard ones included', () => {
    const { script, socket, log } = established()
    socket.send(new Uint8Array(10), 0, 10)
    script.drain()
    report(script, socket.sendUnacknowledged, 'hard')
    report(script, socket.sendUnacknowledged, 'soft')
    expect(log.events).toEqual([])
    expect(socket.softError).not.toBeNull()
  })

  it('end a connection attempt when hard and about our SYN', () => {
    const script = new TcpScript()
    const { socket, log } = script.connect()
    script.drain()
    report(script, (socket.sendUnacknowledged - 1) | 0, 'hard')
    expect(log.events).toEqual([])
    report(script, socket.sendUnacknowledged, 'hard')
    expect(log.events).toEqual(['closed refused'])
  })

  it.each([0, 1, 67, 68])('with MTU %i lower the path to the floor of 552 at most', (mtu) => {
    const { script, socket } = established()
    socket.send(new Uint8Array(3000), 0, 3000)
    script.drain()
    report(script, socket.sendUnacknowledged, 'mtu', mtu)
    expect(socket.flow!.pathMtu).toBe(552)
    report(script, socket.sendUnacknowledged, 'mtu', 9000)
    expect(socket.flow!.pathMtu).toBe(552)
  })

  it('about data that is not in flight are ignored', () => {
    const { script, socket } = established()
    report(script, socket.sendUnacknowledged, 'mtu', 600)
    report(script, socket.sendUnacknowledged, 'mtu', 500)
    expect(socket.flow!.pathMtu).toBe(1500)
    expect(script.flows[0]!.mayFragment).toBe(false)
  })

  it('of a path below the floor have segments of the floor go without DF (RFC 1191 §3), all that was in flight at once', () => {
    const { script, socket } = established()
    socket.send(new Uint8Array(3000), 0, 3000)
    script.drain()
    const report500 = () => {
      script.tcp.processError(
        {
          ipVersion: 4,
          kind: 'mtu',
          mtu: 552,
          isBelowFloor: true,
          isProven: false,
          interfaceIndex: 0,
          source: script.local,
          destination: script.peer,
          sourcePort: script.localPort,
          destinationPort: script.peerPort,
          sequenceNumber: socket.sendUnacknowledged,
        },
        script.nowMs,
      )
    }
    // The first router names 552, the one behind it less: the second message changes no size.
    report(script, socket.sendUnacknowledged, 'mtu', 552)
    expect(script.flows[0]).toMatchObject({ pathMtu: 552, mayFragment: false })
    report500()
    expect(script.flows[0]).toMatchObject({ pathMtu: 552, mayFragment: true })
    const lengths = script.drain().map(({ length }) => length)
    expect(lengths).toEqual([512, 512, 512, 512, 512, 440])
    // Again and again it means nothing more.
    report500()
    script.expectSilence()
  })
})

describe('what is queued before a FIN', () => {
  it('gives samples as long as it is acknowledged (RFC 6298 §3), each flight by one ACK', () => {
    const script = new TcpScript()
    script.peerWindow = 2 * 1460
    const { socket } = script.establish()
    socket.send(new Uint8Array(20 * 1460), 0, 20 * 1460)
    socket.closeWrite()
    const smoothed: number[] = []
    for (let flight = 0; flight < 8; flight++) {
      const last = script.drain().at(-1)!
      script.advance(50)
      script.send(ack(last.sequence + last.length))
      smoothed.push(socket.rtt.smoothedMs)
    }
    // The handshake took none: an eighth of what is left comes with each.
    expect(smoothed.at(-1)).toBeCloseTo(50 * (1 - (7 / 8) ** 8), 0)
  })
})
