/** Who asks for a neighbor that many connections wait for, and when the others come back. */
import { beforeEach, expect, it } from 'vitest'
import { PathNews, RETRY_INTERVAL_MS } from '../../../../../net/iface/path-news.ts'
import type { Egress } from '../../../../../net/iface/protocol-handler.ts'
import { NeighborWaits } from '../../../../../net/socket/tcp/neighbor-waits.ts'
import { ReadyList } from '../../../../../net/socket/tcp/ready-list.ts'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'

const COUNT = 5

let waits: NeighborWaits
let ready: ReadyList
let egress: Egress
let sockets: TcpSocket[]

function createSocket(neighbor: object | null): TcpSocket {
  const flow = { isResolving: true, neighbor }
  const socket = { flow, state: TcpState.Established, isReady: false, nextReady: null }
  return socket as unknown as TcpSocket
}

/** Begins a round; those whose turn it is. */
function begin(nowMs: number): TcpSocket[] {
  waits.beginRound(egress, ready, nowMs)
  const released: TcpSocket[] = []
  for (let socket = ready.take(); socket !== null; socket = ready.take()) {
    socket.isReady = false
    released.push(socket)
  }
  return released
}

function resolve(socket: TcpSocket): void {
  Object.assign(socket.flow!, { isResolving: false })
}

beforeEach(() => {
  waits = new NeighborWaits()
  ready = new ReadyList()
  egress = { news: new PathNews(), isUnreachable: () => false } as Partial<Egress> as Egress
  const neighbor = {}
  sockets = Array.from({ length: COUNT }, () => createSocket(neighbor))
  for (const socket of sockets) expect(waits.add(socket, egress, 0)).toBe(true)
})

it('nobody asks while nothing is heard, and then one in each half second, in turn', () => {
  expect(begin(1)).toEqual([])
  for (const [index, socket] of sockets.entries()) {
    const nowMs = RETRY_INTERVAL_MS * (index + 1)
    expect(begin(nowMs)).toEqual([socket])
    waits.add(socket, egress, nowMs)
    expect(waits.endRound()).toBe(false)
    expect(begin(nowMs + 1)).toEqual([])
  }
})

it('one that got through has the others come back, though it has more to send', () => {
  egress.news.neighbors++
  const [first] = begin(1)
  expect(first).toBe(sockets[0])
  resolve(first!)
  ready.add(first!)
  expect(waits.endRound()).toBe(true)
  expect(ready.take()).toBe(first)
  expect(begin(1)).toEqual(sockets.slice(1))
})

it('one whose turn is still to come holds the question, and nobody else is tried for it', () => {
  egress.news.neighbors++
  waits.beginRound(egress, ready, 1)
  // Others stood before it: its turn is in another round.
  expect(waits.endRound()).toBe(false)
  waits.beginRound(egress, ready, RETRY_INTERVAL_MS + 1)
  expect(ready.take()).toBe(sockets[0])
  expect(ready.take()).toBeNull()
})

it('one that is over lets another ask', () => {
  egress.news.neighbors++
  const [first] = begin(1)
  first!.state = TcpState.Closed
  expect(waits.endRound()).toBe(false)
  expect(begin(RETRY_INTERVAL_MS + 1)).toEqual([sockets[1]])
})

it('those without a neighbor wait for routes, all together', () => {
  const lost = Array.from({ length: COUNT }, () => createSocket(null))
  for (const socket of lost) waits.add(socket, egress, 0)
  egress.news.routes++
  // Of the others one asks.
  expect(new Set(begin(1))).toEqual(new Set([sockets[0], ...lost]))
})
