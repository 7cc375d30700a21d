/**
 * Connections and TIME-WAIT records by hash: any number of them, found at the same cost, none lost
 * while tables grow.
 */
import { describe, expect, it } from 'vitest'
import { createReceivedPacket } from '../../../../../net/iface/received-packet.ts'
import { ConnectionTable } from '../../../../../net/socket/tcp/connection-table.ts'
import { WaitTable } from '../../../../../net/socket/tcp/reply/wait-table.ts'
import { TcpState } from '../../../../../net/socket/tcp/state.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import {
  type IpAddress,
  ipv4Address,
  ipv6Address,
  setAddress,
} from '../../../../../net/wire/ip-address.ts'
import { testBulk } from '../../../../support/memory.ts'
import { SeededRandom } from '../../../../support/seeded-random.ts'
import { fin, syn, TcpScript } from '../../../../support/tcp-script.ts'

const LOCAL = { 4: ipv4Address(0x0a000002), 6: ipv6Address(0xfd000000, 0, 0, 2) } as const

/** What the tables read of a socket. `reads` counts how often one is compared with a packet. */
function socketTo(remote: IpAddress, remotePort: number, reads: { count: number }): TcpSocket {
  const local = LOCAL[remote.version]
  const ports = (remotePort << 16) | 80
  let tableHash = 0
  return {
    ...{ ipVersion: remote.version, localAddress: local, remoteAddress: remote },
    ...{ localPort: 80, remotePort, remote3: remote.word3, local3: local.word3 },
    ...{ isInTable: false, nextInBucket: null, interfaceIndex: 0 },
    get tableHash() {
      reads.count++
      return tableHash
    },
    set tableHash(hash: number) {
      tableHash = hash
    },
    receivedPorts: ports,
    ...{
      advertisedEdge: 2,
      receiveLimit: 100,
      receivedLength: 0,
      receiveScale: 0,
      assembler: null,
    },
    ...{ sendMax: 1, receiveNext: 2, hasTimestamps: false, timestampOffset: 0, timestampRecent: 0 },
  } as unknown as TcpSocket
}

function tableWith(key: number): ConnectionTable {
  return new ConnectionTable(new Uint8Array(8).fill(key), testBulk)
}

function peer(number: number): IpAddress {
  return number % 2 === 0 ? ipv4Address(0x0b000000 + number) : ipv6Address(0xfd000000, number, 0, 9)
}

describe('the connection table', () => {
  const packet = createReceivedPacket()
  const find = (table: ConnectionTable, remote: IpAddress, port: number): TcpSocket | null => {
    packet.ipVersion = remote.version
    setAddress(packet.source, remote)
    setAddress(packet.destination, LOCAL[remote.version])
    return table.find(packet, (port << 16) | 80)
  }

  it('finds each of 20,000 while it grows and shrinks, and nobody who is not there', () => {
    const table = tableWith(1)
    const random = new SeededRandom(3)
    const held = new Map<number, TcpSocket>()
    for (let step = 0; step < 60_000; step++) {
      const number = Math.floor(random.nextFraction() * 40_000)
      const socket = held.get(number)
      const isGrowing = step < 40_000
      if (socket === undefined && (isGrowing || random.nextFraction() < 0.2)) {
        const made = socketTo(peer(number), 1000 + (number % 50_000), { count: 0 })
        table.insert(made)
        held.set(number, made)
      } else if (socket !== undefined && (!isGrowing || random.nextFraction() < 0.2)) {
        table.remove(socket)
        held.delete(number)
      }
      const other = Math.floor(random.nextFraction() * 40_000)
      const found = find(table, peer(other), 1000 + (other % 50_000))
      if (found !== (held.get(other) ?? null)) throw new Error(`step ${step}: wrong connection`)
    }
    expect(table.size).toBe(held.size)
    expect([...table.values()]).toHaveLength(held.size)
  })

  it('looks at no more than a few, with 10,000 as with 10, and divides one bucket with each that comes', () => {
    const looks = (count: number): number => {
      const table = tableWith(5)
      const reads = { count: 0 }
      let most = 0
      for (let number = 0; number < count; number++) {
        reads.count = 0
        table.insert(socketTo(peer(number), 1000, reads))
        most = Math.max(most, reads.count)
      }
      // One bucket of a handful, each looked at once.
      expect(most).toBeLessThan(16)
      reads.count = 0
      for (let number = 0; number < count; number++) find(table, peer(number), 1000)
      return reads.count / count
    }
    const few = looks(10)
    const many = looks(10_000)
    expect(few).toBeLessThan(1.6)
    expect(many).toBeLessThan(2.2)
  })

  it('is spread by a secret: what falls together with one key does not with another', () => {
    const collide = (key: number) => {
      const table = tableWith(key)
      const reads = { count: 0 }
      for (const number of chosen) table.insert(socketTo(peer(number), 1000, reads))
      reads.count = 0
      for (const number of chosen) find(table, peer(number), 1000)
      return reads.count / chosen.length
    }
    // Those that share a bucket of the first table.
    const probe = tableWith(77)
    const chosen: number[] = []
    for (let number = 0; number < 40_000; number += 2) {
      const socket = socketTo(peer(number), 1000, { count: 0 })
      probe.insert(socket)
      if ((socket.tableHash & 255) === 9) chosen.push(number)
      probe.remove(socket)
    }
    expect(chosen.length).toBeGreaterThan(40)
    expect(collide(77)).toBeGreaterThan(chosen.length / 4)
    expect(collide(78)).toBeLessThan(3)
  })
})

describe('TIME-WAIT', () => {
  it('holds so many and no more, the oldest going first, and finds each of them', () => {
    const table = new WaitTable(
      { maxFinWait2: 100, maxTimeWait: 100, timeWaitMs: 60_000 },
      testBulk,
    )
    const connections = tableWith(1)
    const sockets: TcpSocket[] = []
    for (let number = 0; number < 1000; number++) {
      // The same ports for all: they must not share a chain.
      const socket = socketTo(peer(number), 1000, { count: 0 })
      connections.insert(socket)
      sockets.push(socket)
      if (table.makeRoomFor(TcpState.TimeWait)) expect(table.size).toBe(99)
      table.addTimeWait(socket, number)
      expect(table.size).toBe(Math.min(number + 1, 100))
      const oldest = sockets[number - 99]
      if (oldest !== undefined) expect(lookUp(table, oldest)).not.toBeNull()
      const recycled = sockets[number - 100]
      if (recycled !== undefined) expect(lookUp(table, recycled)).toBeNull()
    }
    while (table.takeDue(60_000 + 949) !== null);
    expect(table.size).toBe(50)
    table.restart(lookUp(table, sockets[950]!)!, 61_000)
    while (table.takeDue(60_999) !== null);
    expect(table.size).toBe(1)
    expect(table.earliest).toBe(121_000)
  })

  it('is flat over 20,000 connections that end one after the other', () => {
    const script = new TcpScript({ configuration: { maxTimeWait: 256 } })
    const listener = script.listen(16)
    for (let count = 0; count < 20_000; count++) {
      script.peerPort = 1024 + (count % 60_000)
      script.send(syn())
      script.drain()
      script.send({ flags: 'A' })
      const socket = listener.accept()!
      socket.close()
      script.drain()
      script.send(fin(1, { acknowledgment: 2 }))
      if (script.drain().length !== 1 || script.tcp.connectionCount !== 0) {
        throw new Error(`connection ${count} has not ended`)
      }
    }
    expect(script.tcp.timeWaitCount).toBe(256)
    expect(script.tcp.statistics.timeWaitRecycled).toBe(20_000 - 256)
    expect(script.tcp.memory.pool.availableBytes).toBe(script.tcp.configuration.bufferBudgetBytes)
  }, 60_000)
})

function lookUp(table: WaitTable, socket: TcpSocket) {
  const { remoteAddress, localAddress, receivedPorts, tableHash, interfaceIndex } = socket
  return table.find(remoteAddress, localAddress, receivedPorts, tableHash, interfaceIndex)
}
