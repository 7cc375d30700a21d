/**
 * Data whose first segment never leaves (RFC 9293 §3.8.3): the user timeout ends the connection,
 * and what was in its way for less long than that costs nothing.
 */
import { describe, expect, it } from 'vitest'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { ack, data, fin, TcpScript } from '../../../../support/tcp-script.ts'

const USER_TIMEOUT_MS = 120_000
const MSS = 1460
/** An hour in which nothing is said. */
const PAUSE_MS = 3_600_000

interface Obstacle {
  readonly name: string
  set(script: TcpScript, isThere: boolean): void
}

const OBSTACLES: readonly Obstacle[] = [
  {
    name: 'a link that is down',
    set: (script, isThere) => {
      script.isLinkUp = !isThere
    },
  },
  {
    name: 'a device that takes nothing',
    set: (script, isThere) => {
      script.isDeviceFull = isThere
    },
  },
  {
    name: 'a neighbor that does not answer',
    set: (script, isThere) => {
      script.isUnreachable = isThere
    },
  },
  {
    name: 'a route that is missing',
    set: (script, isThere) => {
      script.hasRoute = !isThere
    },
  },
]

function established() {
  const script = new TcpScript()
  return { script, ...script.establish() }
}

/** A connection that was at work and has been idle for so long that it has given up its path. */
function idle() {
  const made = established()
  const { script, socket } = made
  script.send(data(1, 'hello'))
  script.drain()
  socket.discard(5)
  script.advance(PAUSE_MS)
  script.drain()
  expect(socket.flow === null).toBe(true)
  return made
}

function send(socket: TcpSocket, lengthBytes: number): void {
  expect(socket.send(new Uint8Array(lengthBytes).fill(7), 0, lengthBytes)).toBe(lengthBytes)
}

function heldBytes({ tcp }: TcpScript): number {
  return tcp.memory.pool.limitBytes - tcp.memory.pool.availableBytes
}

/** A poll for something else, which tries again whoever was refused. */
function poll(script: TcpScript, everyMs: number, durationMs: number): void {
  for (let passed = 0; passed < durationMs; passed += everyMs) {
    script.advance(everyMs)
    script.drain()
  }
}

describe.each(OBSTACLES)('data behind $name', (obstacle) => {
  it('is given up after the user timeout, and its memory goes back', () => {
    const { script, socket, log } = idle()
    const before = heldBytes(script)
    obstacle.set(script, true)
    send(socket, 10_000)
    script.advance(USER_TIMEOUT_MS - 1_000)
    expect(log.events.filter((event) => event.startsWith('closed'))).toEqual([])
    expect(heldBytes(script)).toBeGreaterThan(before)
    script.advance(2_000)
    script.drain()
    expect(log.events.at(-1)).toBe('closed timeout')
    expect(socket.error!.message).toBe('Nothing could be sent for as long as the user timeout')
    expect([heldBytes(script), script.tcp.connectionCount]).toEqual([before, 0])
  })

  it('is given up no later when it is tried again all the time', () => {
    const { script, socket, log } = idle()
    obstacle.set(script, true)
    send(socket, 10_000)
    poll(script, 90, USER_TIMEOUT_MS - 1_000)
    expect(log.events.filter((event) => event.startsWith('closed'))).toEqual([])
    poll(script, 90, 2_000)
    expect(log.events.at(-1)).toBe('closed timeout')
  })

  it('waits as long as the socket asks, also when it asks meanwhile (MUST-21)', () => {
    const { script, socket, log } = idle()
    obstacle.set(script, true)
    send(socket, 100)
    script.advance(20_000)
    socket.setUserTimeout(30_000)
    script.advance(9_000)
    expect(log.events.at(-1)).not.toBe('closed timeout')
    script.advance(6_000)
    script.drain()
    expect(log.events.at(-1)).toBe('closed timeout')
  })

  it('leaves when that has gone in time, all of it, and has its whole retransmission timeout then', () => {
    const { script, socket, log } = idle()
    obstacle.set(script, true)
    send(socket, 3 * MSS)
    script.advance(USER_TIMEOUT_MS - 10_000)
    obstacle.set(script, false)
    // Who refused calls, but for a route, which is asked for again.
    const waitedMs = script.advanceUntilSent()
    expect(waitedMs).toBeLessThanOrEqual(obstacle.name.includes('route') ? 5_000 : 0)
    const sent = script.drain()
    expect(sent.map(({ sequence, length }) => [sequence, length])).toEqual([
      [1, MSS],
      [1 + MSS, MSS],
      [1 + 2 * MSS, MSS],
    ])
    expect(sent.every(({ payload }) => payload.every((octet) => octet === 7))).toBe(true)
    expect(socket.statistics.retransmitTimeouts).toBe(0)
    expect(socket.retransmitDeadlineMs).toBe(script.nowMs + socket.rtt.rtoMs)
    // And its whole user timeout, of which the wait was no part.
    script.advance(USER_TIMEOUT_MS - 10_000)
    expect(log.events.at(-1)).not.toBe('closed timeout')
    script.send(ack(1 + 3 * MSS, { sequence: 6 }))
    script.drain()
    expect(socket.sendUnacknowledged).toBe(socket.sendMax)
    expect(script.tcp.nextDeadlineMs(script.nowMs)).toBeGreaterThan(script.nowMs)
  })

  it.each(['close-wait', 'last-ack', 'fin-wait-1', 'orphan'])(
    'in %s is given up as well',
    (state) => {
      const { script, socket } = idle()
      obstacle.set(script, true)
      if (state === 'close-wait' || state === 'last-ack') script.send(fin(6))
      script.drain()
      send(socket, 1_000)
      if (state === 'orphan') socket.close()
      else if (state !== 'close-wait') socket.closeWrite()
      script.advance(USER_TIMEOUT_MS - 1_000)
      expect(script.tcp.connectionCount).toBe(1)
      script.advance(2_000)
      script.drain()
      expect([script.tcp.connectionCount, script.tcp.orphanCount]).toEqual([0, 0])
    },
  )

  it('may be a FIN alone', () => {
    const { script, socket, log } = idle()
    obstacle.set(script, true)
    socket.closeWrite()
    poll(script, 700, USER_TIMEOUT_MS - 1_000)
    expect(socket.state).toBe(TcpState.FinWait1)
    poll(script, 700, 2_000)
    expect(log.events.at(-1)).toBe('closed timeout')
  })

  it('is probed for like any other when its window closes meanwhile, and the peer answers', () => {
    const { script, socket, log } = idle()
    obstacle.set(script, true)
    send(socket, 1_000)
    script.advance(10_000)
    script.send(ack(1, { sequence: 6, window: 0 }))
    obstacle.set(script, false)
    for (let probes = 0; probes < 10; probes++) {
      expect(script.advanceUntilSent()).toBeLessThan(61_000)
      script.expectSegments({ sequence: 1, length: 1 })
      script.send(ack(1, { sequence: 6, window: 0 }))
    }
    script.send(ack(1, { sequence: 6 }))
    script.expectSegments({ sequence: 1, length: 1_000 })
    expect(log.events.at(-1)).not.toBe('closed timeout')
  })
})

it('an ACK that is refused gives nothing up, but data behind a closed window with it is', () => {
  const { script, socket, log } = established()
  script.isLinkUp = false
  script.send(data(1, 'hello'))
  script.advance(10 * USER_TIMEOUT_MS)
  expect(log.events).toEqual(['readable'])
  script.send(data(6, 'hello', { window: 0 }))
  script.drain()
  send(socket, 100)
  script.advance(4 * USER_TIMEOUT_MS)
  script.drain()
  expect(log.events.at(-1)).toBe('closed timeout')
})

it('a window that opens a little ends the wait for it: what is refused then has all of its time', () => {
  const { script, socket, log } = established()
  script.peerWindow = 65_535
  script.send(ack(1))
  script.send(ack(1, { window: 100 }))
  script.drain()
  send(socket, 10_000)
  // The peer answers each probe, and opens no further, for an hour.
  for (let startMs = script.nowMs; script.nowMs < startMs + PAUSE_MS; ) {
    script.advanceUntilSent()
    script.drain()
    script.send(ack(1, { window: 100 }))
  }
  script.isDeviceFull = true
  script.send(ack(1, { window: 65_535 }))
  script.advance(USER_TIMEOUT_MS - 1_000)
  expect(log.events).toEqual([])
  script.isDeviceFull = false
  expect(script.drain()[0]).toMatchObject({ sequence: 1, length: MSS })
  // And so has what is lost then.
  script.advance(USER_TIMEOUT_MS - 1_000)
  expect(log.events).toEqual([])
  script.advance(61_000)
  script.drain()
  expect(log.events).toEqual(['closed timeout'])
})

it.each([0, 100])(
  'what is lost when a window of %i octets opens after an hour has its whole user timeout',
  (window) => {
    const { script, socket, log } = established()
    script.peerWindow = 65_535
    script.send(ack(1))
    script.send(ack(1, { window }))
    script.drain()
    send(socket, 10_000)
    for (let startMs = script.nowMs; script.nowMs < startMs + PAUSE_MS; ) {
      script.advanceUntilSent()
      script.drain()
      script.send(ack(1, { window }))
    }
    script.send(ack(1, { window: 65_535 }))
    expect(script.drain()[0]).toMatchObject({ sequence: 1, length: MSS })
    expect(socket.retransmitDeadlineMs).toBe(script.nowMs + socket.rtt.rtoMs)
    script.advance(USER_TIMEOUT_MS - 1_000)
    expect(log.events).toEqual([])
    expect(socket.statistics.retransmitTimeouts).toBeGreaterThan(3)
  },
)

it.each([
  ['an ACK', {}],
  // RFC 2883: the octet of a second probe.
  ['an ACK with a report', { sack: [[1, 2]] as const }],
])(
  '%s of what was refused ends the wait: what is refused an hour later has all of its time',
  (_name, report) => {
    const script = new TcpScript()
    const { socket, log } = script.establish({ sackPermitted: true })
    script.send(ack(1, { window: 0 }))
    send(socket, 1)
    script.advanceUntilSent()
    script.expectSegments({ sequence: 1, length: 1 })
    // The window update crosses the probe, whose octet is to go again.
    script.isDeviceFull = true
    script.send(ack(1))
    script.advance(0)
    expect(socket.isHeldBack).toBe(true)
    script.send(ack(2, report))
    script.advance(0)
    script.isDeviceFull = false
    script.advance(PAUSE_MS)
    script.isDeviceFull = true
    send(socket, 1)
    script.advance(USER_TIMEOUT_MS - 1_000)
    expect(log.events).toEqual([])
    script.isDeviceFull = false
    script.expectSegments({ sequence: 2, length: 1 })
  },
)

describe.each([
  ['whose user has closed', (socket: TcpSocket) => socket.close()],
  ['that lingers', (socket: TcpSocket) => socket.linger()],
])('a connection %s', (_name, leave) => {
  // RFC 6429 §3: whoever only answers must not keep its memory for ever.
  it.each([
    ['between its probes', 50_000, 0],
    ['before its first probe', 100, 0],
    ['after its first probe', 100, 2_000],
  ])('has no more time when a window opens and closes at once, %s', (_when, everyMs, firstMs) => {
    const { script, socket } = established()
    script.send(ack(1, { window: 0 }))
    script.advance(PAUSE_MS)
    send(socket, 1_000)
    leave(socket)
    script.advance(firstMs)
    const startMs = script.nowMs
    while (script.tcp.connectionCount > 0 && script.nowMs < startMs + 10 * USER_TIMEOUT_MS) {
      script.advance(everyMs)
      script.send(ack(1), ack(1, { window: 0 }))
      expect(script.drain().filter(({ length }) => length > 1)).toEqual([])
    }
    expect(script.nowMs - startMs).toBeGreaterThanOrEqual(USER_TIMEOUT_MS - firstMs)
    expect(script.nowMs - startMs).toBeLessThan(2 * USER_TIMEOUT_MS)
  })
})
