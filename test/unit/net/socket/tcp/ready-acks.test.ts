/**
 * Connections that have nothing but an ACK to send are served in a row: as if each had a turn of
 * its own.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TcpSocket, TcpSocketHandler } from '../../../../../net/socket/tcp/tcp-socket.ts'
import {
  ack,
  data,
  EventLog,
  fin,
  type SentSegment,
  syn,
  TcpScript,
} from '../../../../support/tcp-script.ts'

const FIRST_PORT = 1000
/** Of two such an ACK is due at once. */
const TEXT = new Uint8Array(1460)

/** Takes all that comes where it lies, as what only counts it does. */
const taker: TcpSocketHandler = {
  onClose: () => {},
  offerData: (_socket, _bytes, _offset, length) => length,
}

function connectMany(script: TcpScript, count: number): TcpSocket[] {
  const sockets: TcpSocket[] = []
  for (let index = 0; index < count; index++) {
    const port = FIRST_PORT + index
    const socket = script.tcp.connect({ address: script.peer, port, handler: taker }, script.nowMs)
    script.drain()
    sockets.push(socket)
    sendTo(script, socket, [{ flags: 'SA', sequence: 0, acknowledgment: 1, mss: 1460 }])
    script.drain()
  }
  return sockets
}

function sendTo(
  script: TcpScript,
  socket: TcpSocket,
  segments: Parameters<TcpScript['send']>[0][],
): void {
  script.localIsn = socket.initialSendSequence
  const ports = { sourcePort: socket.remotePort, destinationPort: socket.localPort }
  script.send(...segments.map((segment) => ({ ...segment, ...ports })))
}

/** Two segments in order, so that an ACK is due. */
function sendText(script: TcpScript, socket: TcpSocket): void {
  sendTo(script, socket, [data(1, TEXT), data(1 + TEXT.length, TEXT)])
}

const portsOf = (sent: SentSegment[]) => sent.map(({ destinationPort }) => destinationPort)

/** The device takes so many frames, and no more. */
function limitDevice(script: TcpScript, count: number): void {
  const { egress } = script.tcp
  const submit = egress.submit.bind(egress)
  let room = count
  egress.submit = (flow) => room > 0 && submit(flow) && room-- > 0
}

describe('connections that receive', () => {
  it('have their ACKs in their order, 64 a round, each of all that has come', () => {
    const script = new TcpScript()
    const sockets = connectMany(script, 100)
    for (const socket of sockets) sendText(script, socket)
    const first = script.drain()
    expect(portsOf(first)).toEqual(sockets.slice(0, 64).map(({ remotePort }) => remotePort))
    for (const segment of first) {
      expect(segment).toMatchObject({ flags: 'A', length: 0, acknowledgment: 1 + 2 * TEXT.length })
    }
    expect(portsOf(script.drain())).toEqual(sockets.slice(64).map(({ remotePort }) => remotePort))
    expect(script.drain()).toEqual([])
  })

  it('send an ACK with the text that they have to send, in their turn among the others', () => {
    const script = new TcpScript()
    const sockets = connectMany(script, 3)
    for (const socket of sockets) sendText(script, socket)
    sockets[1]!.send(new Uint8Array(10), 0, 10)
    const sent = script.drain()
    expect(sent.map(({ length }) => length)).toEqual([0, 10, 0])
    expect(portsOf(sent)).toEqual(sockets.map(({ remotePort }) => remotePort))
    for (const { acknowledgment } of sent) expect(acknowledgment).toBe(1 + 2 * TEXT.length)
  })

  it('have them later, in their order, where the device has taken only the first ones', () => {
    const script = new TcpScript()
    const sockets = connectMany(script, 10)
    for (const socket of sockets) sendText(script, socket)
    limitDevice(script, 4)
    const ports = sockets.map(({ remotePort }) => remotePort)
    expect(portsOf(script.drain())).toEqual(ports.slice(0, 4))
    limitDevice(script, 0)
    expect(script.drain()).toEqual([])
  })

  it('have a turn of their own as long as they wait for the device', () => {
    const script = new TcpScript()
    const sockets = connectMany(script, 50)
    script.isDeviceFull = true
    for (const socket of sockets) sendText(script, socket)
    for (let turn = 0; turn < 3; turn++) script.drain()
    script.isDeviceFull = false
    const sent: number[] = []
    for (let turn = 0; turn < 5; turn++) sent.push(...portsOf(script.drain()))
    expect(sent.sort()).toEqual(sockets.map(({ remotePort }) => remotePort).sort())
  })
})

describe('a connection', () => {
  /** Says that sockets are waiting, for as long as it lives: each then has a turn of its own. */
  function withoutRows(script: TcpScript): void {
    const { parked } = script.tcp['scheduler' as never] as { parked: object }
    Object.defineProperty(parked, 'isUsed', { get: () => true, set: () => {} })
  }

  const action = fc.oneof(
    fc.record({
      what: fc.constantFrom('text', 'later', 'marked'),
      length: fc.integer({ min: 1, max: 3000 }),
    }),
    fc.record({
      what: fc.constantFrom('send', 'read', 'wait'),
      length: fc.integer({ min: 1, max: 3000 }),
    }),
    fc.record({ what: fc.constantFrom('ack', 'finish', 'fin'), length: fc.constant(0) }),
  )
  type Action = { what: string; length: number }

  /** What it sends when this happens, one turn after each. */
  function play(actions: readonly Action[], isTaking: boolean, isOnItsOwn: boolean): unknown[] {
    const script = new TcpScript()
    if (isOnItsOwn) withoutRows(script)
    const listener = script.listen()
    script.send(syn({ flags: 'SEC', windowScale: 7, sackPermitted: true }))
    script.drain()
    script.send(ack(1, { sequence: 1 }))
    script.drain()
    const socket = listener.accept()!
    const log = new EventLog()
    socket.handler = isTaking ? taker : log
    const all: unknown[] = []
    let next = 1
    let sent = 1
    for (const { what, length } of actions) {
      const acknowledged = { acknowledgment: sent }
      if (what === 'text' || what === 'marked') {
        const ecn = what === 'marked' ? 3 : 0
        script.send(data(next, new Uint8Array(length), { ...acknowledged, ecn }))
        next += length
      } else if (what === 'later') {
        script.send(data(next + 5000, new Uint8Array(length), acknowledged))
      } else if (what === 'send' && socket.canSend()) socket.send(new Uint8Array(length), 0, length)
      else if (what === 'read') socket.discard(length)
      else if (what === 'wait') script.advance(length >> 4)
      else if (what === 'finish' && socket.canSend()) socket.closeWrite()
      else if (what === 'ack') script.send(ack(sent, { sequence: next }))
      else if (what === 'fin') script.send(fin(next, acknowledged))
      for (const segment of script.drain()) {
        const { sequence, flags } = segment
        const end = sequence + segment.length + (flags.includes('F') ? 1 : 0)
        sent = Math.max(sent, end)
        all.push({ ...segment, payload: segment.payload.length })
      }
    }
    return [...all, ...log.events]
  }

  it('sends the same in such a row and in a turn of its own, whatever happens to it', () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 25 }), fc.boolean(), (actions, isTaking) => {
        expect(play(actions, isTaking, false)).toEqual(play(actions, isTaking, true))
      }),
      { numRuns: 300 },
    )
  })
})
