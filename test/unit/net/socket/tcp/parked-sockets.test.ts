/** Connections that wait apart for a way that takes nothing, or less than is there for it. */
import { describe, expect, it } from 'vitest'
import type { Egress } from '../../../../../net/iface/protocol-handler.ts'
import { ParkedSockets } from '../../../../../net/socket/tcp/parked-sockets.ts'
import { ReadyList } from '../../../../../net/socket/tcp/ready-list.ts'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'

const egress = { wayOf: () => 0, isWayOpen: () => true } as unknown as Egress

function createSocket(): TcpSocket {
  const flow = { isResolving: false }
  return { flow, state: TcpState.Established, isReady: false, nextReady: null } as TcpSocket
}

describe('a way that takes three packets a round', () => {
  it.each([20, 32, 33, 100, 500])(
    'has each of %i with more to send send, again and again',
    (count) => {
      const ready = new ReadyList()
      const parked = new ParkedSockets()
      const sent = new Map<TcpSocket, number>()
      for (let index = 0; index < count; index++) {
        const socket = createSocket()
        sent.set(socket, 0)
        ready.add(socket)
      }
      // As TcpScheduler does.
      for (let round = 0; round < 5 * count; round++) {
        let room = 3
        if (parked.isUsed) parked.beginRound(egress, ready)
        for (let socket = ready.take(); socket !== null; socket = ready.take()) {
          socket.isReady = false
          if (room > 0) {
            room--
            sent.set(socket, sent.get(socket)! + 1)
            if (parked.isUsed) parked.noteTaken(socket, egress)
            ready.add(socket)
          } else if (!parked.park(socket, egress)) {
            ready.setAside(socket, false)
          }
        }
        ready.restoreAside()
      }
      expect(Math.min(...sent.values())).toBeGreaterThanOrEqual(3)
    },
  )
})

describe('a way that has refused something once', () => {
  it('is looked at no more once nothing waits and a round went without a refusal', () => {
    const ready = new ReadyList()
    const parked = new ParkedSockets()
    const sockets = Array.from({ length: 40 }, createSocket)
    // More than are tried again in the next round.
    const waiting = sockets.filter((socket) => parked.park(socket, egress))
    expect(waiting).toHaveLength(8)
    expect(parked.isUsed).toBe(true)
    parked.beginRound(egress, ready)
    expect(parked.isUsed).toBe(true)
    parked.noteTaken(sockets[0]!, egress)
    // Those that waited come back, four before the others.
    parked.beginRound(egress, ready)
    expect(parked.isUsed).toBe(true)
    parked.beginRound(egress, ready)
    expect(parked.isUsed).toBe(false)
    let count = 0
    while (ready.take() !== null) count++
    expect(count).toBe(8)
    // The next refusal counts again.
    parked.park(sockets[0]!, egress)
    expect(parked.isUsed).toBe(true)
  })
})
