/**
 * Any segment in any order against any state: nothing throws, bounds hold, and an honest connection
 * still works afterwards.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import { tcpInfo } from '../../../../../net/socket/tcp/tcp-info.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import { ack, data, type ScriptSegment, syn, TcpScript } from '../../../../support/tcp-script.ts'

const near = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.integer({ min: -70_000, max: 70_000 }),
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
)

const segment: fc.Arbitrary<ScriptSegment> = fc.record(
  {
    flags: fc.oneof(
      fc.constantFrom('A', 'PA', 'FA', 'S', 'SA', 'R', 'RA', 'F', 'FPAU', 'SFRPAUEC', ''),
      fc.subarray(['S', 'F', 'R', 'P', 'A', 'U', 'E', 'C']).map((letters) => letters.join('')),
    ),
    sequence: near,
    acknowledgment: near,
    window: fc.constantFrom(0, 1, 500, 65_535),
    payload: fc.integer({ min: 0, max: 3000 }).map((length) => new Uint8Array(length)),
    mss: fc.constantFrom(0, 1, 48, 1460, 65_535),
    windowScale: fc.constantFrom(0, 7, 14, 255),
    timestamp: fc.tuple(near, near),
    coalescedFrom: fc.constantFrom(0, 1, 1448),
    rawOptions: fc.constantFrom(
      [5, 10, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
      [5, 2, 0, 0],
      [8, 0, 0, 0],
      [1, 1, 1, 255],
    ),
  },
  { requiredKeys: ['flags', 'sequence', 'acknowledgment'] },
)

const action = fc.oneof(
  { weight: 8, arbitrary: segment.map((value) => ({ kind: 'segment' as const, value })) },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 5000 }).map((value) => ({ kind: 'time' as const, value })),
  },
  { weight: 1, arbitrary: fc.nat(100_000).map((value) => ({ kind: 'send' as const, value })) },
  { weight: 1, arbitrary: fc.nat(100_000).map((value) => ({ kind: 'read' as const, value })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 1, 2).map((value) => ({ kind: 'close' as const, value })),
  },
)

function act(script: TcpScript, socket: TcpSocket, kind: string, value: number): void {
  if (kind === 'time') script.advance(value)
  else if (kind === 'send' && socket.canSend()) {
    socket.send(new Uint8Array(value), 0, value)
  } else if (kind === 'read') {
    socket.discard(value)
  } else if (kind === 'close') {
    if (value === 0) socket.closeWrite()
    else if (value === 1) socket.close()
    else socket.abort()
  }
}

function checkBounds(script: TcpScript, socket: TcpSocket): void {
  const { receiveBuffer, sendBuffer } = socket
  expect(socket.receivedLength).toBeGreaterThanOrEqual(0)
  expect(socket.receivedLength).toBeLessThanOrEqual(receiveBuffer.capacity)
  if (socket.state !== TcpState.Closed) {
    expect(socket.sendSpace).toBeGreaterThanOrEqual(0)
    expect(socket.sendSpace).toBeLessThanOrEqual(socket.sendLimit)
    expect(sendBuffer.heldLength()).toBeLessThanOrEqual(sendBuffer.capacity)
    expect((socket.sendMax - socket.sendNext) | 0).toBeGreaterThanOrEqual(0)
    expect((socket.sendNext - socket.sendUnacknowledged) | 0).toBeGreaterThanOrEqual(0)
    if (socket.plannedMtu === 0) return
    expect(tcpInfo(socket).congestionWindowBytes).toBeGreaterThanOrEqual(socket.segmentSize)
  }
  for (const { length } of script.drain()) expect(length).toBeLessThanOrEqual(65_000)
}

it.each(['passive', 'active', 'stamped'])(
  'holds for a %s connection',
  (kind) => {
    fc.assert(
      fc.property(
        fc.array(action, { maxLength: 60 }),
        fc.constantFrom(0, -1, 0x7ffffff0),
        fc.constantFrom(4 as const, 6 as const),
        (actions, peerIsn, version) => {
          const script = new TcpScript({ peerIsn, version, superSegmentLimit: 65_000 })
          const { socket } =
            kind === 'active'
              ? script.connect()
              : script.establish(kind === 'stamped' ? { timestamp: [5, 0], windowScale: 7 } : {})
          for (const { kind: what, value } of actions) {
            if (what === 'segment') script.send(value)
            else act(script, socket, what, value)
            checkBounds(script, socket)
          }
          socket.abort()
          script.drain()
          expectHonestConnection(script)
        },
      ),
      { numRuns: 400 },
    )
  },
  30_000,
)

function expectHonestConnection(script: TcpScript): void {
  script.localPort = 81
  script.peerPort = 50_123
  const listener = script.tcp.listen({ port: 81 })
  script.send(syn())
  script.drain()
  script.send(ack(1), data(1, 'honest'))
  script.drain()
  expect(listener.accept()!.receivedLength).toBe(6)
}
