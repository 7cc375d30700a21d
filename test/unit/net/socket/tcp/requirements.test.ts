/**
 * Requirements of RFC 9293 that no other test is about, by their numbers; docs/conformance.md names
 * the test of each.
 */
import { describe, expect, it } from 'vitest'
import { parseIpAddress } from '../../../../../net/wire/ip-address-text.ts'
import { RIGHT_V4, TwoStacks } from '../../../../simulation/two-stacks.ts'
import {
  ack,
  data,
  PEER_PORT,
  rst,
  type SentSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

const MSS = 1460

function inFlight(sent: readonly SentSegment[]): number {
  return sent.reduce((sum, { length }) => sum + length, 0)
}

describe('windows', () => {
  it('are unsigned: 65,535 octets of one without a scale are all used (MUST-1)', () => {
    const script = new TcpScript()
    script.peerWindow = 0xffff
    const { socket } = script.establish()
    socket.send(new Uint8Array(200_000), 0, 200_000)
    let sent = inFlight(script.drain())
    let most = sent
    for (let acknowledged = 0; most <= 0x8000 && acknowledged < 180_000; ) {
      acknowledged += sent
      script.nowMs += 10
      script.send(ack(1 + acknowledged))
      sent = inFlight(script.drain())
      most = Math.max(most, sent)
    }
    expect(most).toBeGreaterThan(0x8000)
    expect(most).toBeLessThanOrEqual(0xffff)
  })
})

describe('options', () => {
  it('are taken in any segment: an unknown one in the middle of the stream changes nothing (MUST-5, MUST-6)', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    // RFC 4727's experimental kind, four octets of it.
    script.send(data(1, 'hello', { rawOptions: [253, 4, 1, 2] }))
    expect(socket.receivedLength).toBe(5)
    script.send(data(6, 'world', { rawOptions: [1, 1, 1, 0] }))
    expect(socket.receivedLength).toBe(10)
  })

  it('announce an MSS on SYNs only (MUST-65)', () => {
    const script = new TcpScript()
    script.listen()
    script.send(syn({ windowScale: 7, timestamp: [1, 0] }))
    const [synAck] = script.drain()
    expect(synAck).toMatchObject({ flags: 'SA', mss: MSS })
    script.send(ack(1, { sequence: 1, timestamp: [2, 0] }))
    script.send(data(1, new Uint8Array(3000), { acknowledgment: 1, timestamp: [3, 0] }))
    script.advance(1_000)
    const later = script.drain()
    expect(later.length).toBeGreaterThan(0)
    expect(later.map(({ mss }) => mss)).toEqual(later.map(() => null))
  })

  it.each([
    [4, 1500, 1460],
    [6, 1500, 1440],
    [4, 9000, 8960],
    [6, 1280, 1220],
  ] as const)(
    'offer over IPv%i with an MTU of %i an MSS of %i: what IP can put together, less the headers (MUST-14, MUST-67)',
    (version, mtu, mss) => {
      const script = new TcpScript({ version, mtu })
      script.tcp.connect({ address: script.peer, port: PEER_PORT }, script.nowMs)
      expect(script.drain()).toMatchObject([{ flags: 'S', mss }])
    },
  )
})

describe('urgent data', () => {
  function established() {
    const script = new TcpScript()
    return { script, ...script.establish() }
  }

  it('is read in line, and the user told how much of it is left: the pointer is the octet after it (MUST-31, 32, 33, 62)', () => {
    const { script, socket, log } = established()
    script.send(data(1, 'abcdef', { flags: 'PAU', urgentPointer: 4 }))
    script.drain()
    expect(log.events).toEqual(['urgent 4', 'readable'])
    const read = new Uint8Array(10)
    expect(socket.receive(read, 0, 3)).toBe(3)
    expect(socket.urgentLength()).toBe(1)
    expect(socket.receive(read, 3, 3)).toBe(3)
    expect(socket.urgentLength()).toBe(0)
    expect(Buffer.from(read.subarray(0, 6)).toString()).toBe('abcdef')
  })

  it('of any length is told of before it has come, and again when the pointer advances, not when it repeats (MUST-31, MUST-32)', () => {
    const { script, socket, log } = established()
    script.send(data(1, 'a', { flags: 'AU', urgentPointer: 65_535 }))
    script.drain()
    expect(socket.urgentLength()).toBe(65_535)
    script.send(data(2, 'b', { flags: 'AU', urgentPointer: 65_534 }))
    script.drain()
    script.send(data(3, 'c', { flags: 'AU', urgentPointer: 65_535 }))
    script.drain()
    expect(log.events.filter((event) => event.startsWith('urgent'))).toEqual([
      'urgent 65535',
      'urgent 65537',
    ])
  })

  it('is processed at a zero window: the pointer of a segment without room counts (MUST-66)', () => {
    const script = new TcpScript({
      configuration: { receiveBufferBytes: 16_384, minimumBufferBytes: 16_384 },
    })
    const { socket, log } = script.establish()
    for (let at = 1; at <= 16_384; at += 1024) script.send(data(at, new Uint8Array(1024)))
    script.drain()
    expect(socket.receivedLength).toBe(16_384)
    script.send({ flags: 'AU', sequence: 16_385, urgentPointer: 3 })
    script.drain()
    expect(log.events).toContain('urgent 16387')
  })

  it.each([0, 1, 65_535])(
    'with a pointer of %i in a SYN harms nobody (CVE-2019-12255)',
    (urgentPointer) => {
      const script = new TcpScript()
      script.listen()
      script.send(syn({ flags: 'SU', urgentPointer }))
      expect(script.drain()).toMatchObject([{ flags: 'SA', acknowledgment: 1 }])
    },
  )

  it('that is behind what was read is no news', () => {
    const { script, socket, log } = established()
    script.send(data(1, 'abc', { flags: 'AU', urgentPointer: 0 }))
    script.drain()
    expect(log.events.filter((event) => event.startsWith('urgent'))).toEqual([])
    expect(socket.urgentLength()).toBe(0)
  })
})

describe('opening', () => {
  it('passively and actively is remembered: a reset in SYN-RECEIVED refuses the one and frees the other (MUST-11)', () => {
    const active = new TcpScript()
    const { socket, log } = active.connect()
    active.drain()
    active.send(syn())
    active.drain()
    active.send(rst(1))
    active.drain()
    expect(log.error?.code).toBe('refused')
    expect(socket.isPassive).toBe(false)

    const passive = new TcpScript()
    passive.listen()
    passive.send(syn())
    passive.drain()
    expect(passive.tcp.halfOpenCount).toBe(1)
    passive.send(rst(1))
    passive.drain()
    expect(passive.tcp.halfOpenCount).toBe(0)
    passive.send(syn())
    expect(passive.drain()).toMatchObject([{ flags: 'SA' }])
  })

  it('to listen on a port goes beside a connection from that port in SYN-SENT, and leaves it alone (MUST-41, MUST-42)', () => {
    const script = new TcpScript()
    script.tcp.connect({ address: script.peer, port: 9, localPort: 80 }, script.nowMs)
    expect(script.drain()).toMatchObject([{ flags: 'S', sourcePort: 80 }])
    script.localPort = 80
    script.listen()
    script.send(syn({ sourcePort: 50_000 }))
    expect(script.drain()).toMatchObject([{ flags: 'SA', sourcePort: 80, destinationPort: 50_000 }])
  })

  it('to a group or broadcast address is dropped without a word, and its unicast twin is answered (MUST-57)', () => {
    const script = new TcpScript()
    script.listen()
    script.send(syn({ toGroup: true }))
    script.expectSilence()
    expect(script.tcp.statistics.drops.groupAddress).toBe(1)
    expect(script.tcp.halfOpenCount).toBe(0)
    script.send(syn())
    expect(script.drain()).toMatchObject([{ flags: 'SA' }])
  })

  it('takes a local address, and keeps to the one it was asked on (MUST-43, MUST-45)', () => {
    const script = new TcpScript()
    const localAddress = parseIpAddress('192.0.2.77')!
    const socket = script.tcp.connect(
      { address: script.peer, port: PEER_PORT, localAddress },
      script.nowMs,
    )
    expect(socket.localAddress).toBe(localAddress)
    expect(script.flows.at(-1)?.source).toBe(localAddress)
  })

  it.each(['224.0.0.1', '255.255.255.255', '10.0.0.255', 'ff02::1', '0.0.0.0', '::'])(
    'refuses %s, to which no connection can be (MUST-46)',
    async (hostname) => {
      const stacks = new TwoStacks()
      const { left } = stacks
      await expect(left.connect({ hostname, port: 80 })).rejects.toMatchObject({
        code: 'unreachable',
      })
      expect(left.tcp.connectionCount).toBe(0)
      stacks.runFor(2_000)
      expect(left.tcp.readStatistics().segmentsSent).toBe(0)
    },
  )
})

it('a reset that explains itself ends the connection like any other (SHLD-2)', () => {
  const script = new TcpScript()
  const { socket, log } = script.establish()
  script.send(rst(1, { payload: 'port is closed for the night' }))
  script.drain()
  expect(log.error?.code).toBe('reset')
  expect(socket.receivedLength).toBe(0)
})

describe('keep-alive', () => {
  it('is asked for by the user, with an interval of its own or of two hours (MUST-24, MUST-27, MUST-28)', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    socket.setKeepAlive()
    script.advance(7_200_000 - 1_000)
    script.expectSilence()
    expect(script.advanceUntilSent(2_000)).toBeLessThanOrEqual(1_001)
    script.drain()

    const other = new TcpScript()
    other.establish().socket.setKeepAlive(30_000)
    expect(Math.round(other.advanceUntilSent(40_000))).toBe(30_000)
  })

  it('is sent only when nothing was heard for that long (MUST-26)', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    socket.setKeepAlive(10_000)
    for (let count = 1; count <= 4; count++) {
      script.advance(8_000)
      script.drain()
      script.send(data(count, 'x'))
    }
    script.advance(1_000)
    // Nothing but acknowledgments of what was heard.
    expect(script.drain().map(({ sequence, length }) => [sequence, length])).toEqual([[1, 0]])
    expect(script.advanceUntilSent(10_000)).toBeGreaterThan(8_000)
    expect(script.drain()).toMatchObject([{ sequence: 0, length: 0 }])
  })
})

describe('the network layer', () => {
  it('is given a hop limit and a code point by the user (MUST-48, MUST-49)', () => {
    const script = new TcpScript()
    const { socket } = script.establish()
    socket.setHopLimit(7)
    socket.setDifferentiatedServices(46)
    expect(script.flows.at(-1)).toMatchObject({ hopLimit: 7, codePoint: 46 })
  })

  it('has them from an app too, whose every segment carries them', async () => {
    const stacks = new TwoStacks()
    stacks.right.listen({ port: 7 })
    const connecting = stacks.left.connect({ hostname: RIGHT_V4, port: 7 })
    let isOpen = false
    void connecting.then(() => {
      isOpen = true
    })
    await stacks.settle(() => isOpen, 5_000)
    const stream = await connecting
    stream.setHopLimit(9)
    stream.setDifferentiatedServices(46)
    stream.setKeepAlive(60_000)
    stream.setUserTimeout(100_000)
    const [socket] = stacks.left.tcp.sockets()
    const { header } = socket!.flow!.record
    expect([header[15], header[22]]).toEqual([46 << 2, 9])
    expect([socket!.keepAliveIdleMs, socket!.userTimeoutMs]).toEqual([60_000, 100_000])
  })

  it('reports errors that end nothing, and the user can look at them (MUST-47)', () => {
    const script = new TcpScript()
    const { socket } = script.connect()
    script.drain()
    expect(socket.softError).toBeNull()
    script.tcp.processError(
      {
        ...{ ipVersion: 4, kind: 'soft', mtu: 0, isBelowFloor: false, isProven: false },
        interfaceIndex: 0,
        ...{ source: script.local, destination: script.peer },
        sourcePort: socket.localPort,
        destinationPort: PEER_PORT,
        sequenceNumber: socket.initialSendSequence,
      },
      script.nowMs,
    )
    expect(socket.softError).not.toBeNull()
    expect(socket.error).toBeNull()
  })
})

it('data that was queued never waits for more: it leaves at once, and with the last of it a PSH (MUST-60, MUST-61)', () => {
  const script = new TcpScript()
  const { socket } = script.establish()
  socket.send(new Uint8Array([1]), 0, 1)
  expect(script.drain()).toMatchObject([{ flags: 'PA', length: 1 }])
  // With data in flight a short segment waits for its acknowledgment, and no longer (RFC 9293
  // §3.7.4).
  socket.send(new Uint8Array([2]), 0, 1)
  script.expectSilence()
  script.send(ack(2))
  expect(script.drain()).toMatchObject([{ flags: 'PA', sequence: 2, length: 1 }])
})
