/**
 * The connection table against a plain map, and the connections in front of it that packets find
 * without a hash.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { NO_INTERFACE } from '../../../../../net/iface/host-addresses.ts'
import { createReceivedPacket } from '../../../../../net/iface/received-packet.ts'
import { ConnectionTable } from '../../../../../net/socket/tcp/connection-table.ts'
import type { TcpSocket } from '../../../../../net/socket/tcp/tcp-socket.ts'
import {
  type IpAddress,
  ipv4Address,
  ipv6Address,
  setAddress,
} from '../../../../../net/wire/ip-address.ts'
import { testBulk } from '../../../../support/memory.ts'

interface Ends {
  local: IpAddress
  localPort: number
  remote: IpAddress
  remotePort: number
  interfaceIndex: number
  /** The link that a link-local peer is on. */
  zone: number
}

const LOCALS = [ipv4Address(0x0a000002), ipv4Address(0x0a000003)]
const REMOTES = [ipv4Address(0x0b000001), ipv4Address(0x0b000002)]
const LOCALS6 = [ipv6Address(0xfe800000, 0, 0, 2), ipv6Address(0xfd000000, 0, 0, 2)]
/** The last words are equal, so that only the others tell them apart. */
const REMOTES6 = [ipv6Address(0xfe800000, 0, 0, 9), ipv6Address(0xfe800000, 0, 1, 9)]
/** All of one place among the recent ones, and two that are not. */
const REMOTE_PORTS = [1024, 2048, 3072, 4096, 4097, 50_000]

function portsOf({ localPort, remotePort }: Ends): number {
  return (remotePort << 16) | localPort
}

function socketOf(ends: Ends): TcpSocket {
  const { local, remote, interfaceIndex, zone } = ends
  return {
    ...{ localAddress: local, remoteAddress: remote, ipVersion: remote.version, interfaceIndex },
    ...{ peerZone: zone === interfaceIndex ? NO_INTERFACE : zone },
    ...{ local3: local.word3, remote3: remote.word3, receivedPorts: portsOf(ends) },
    ...{ tableHash: 0, isInTable: false, nextInBucket: null },
  } as unknown as TcpSocket
}

const packet = createReceivedPacket()

function find(table: ConnectionTable, ends: Ends): TcpSocket | null {
  packet.ipVersion = ends.remote.version
  packet.interfaceIndex = ends.interfaceIndex
  packet.arrivalIndex = ends.zone
  packet.connection = null
  setAddress(packet.source, ends.remote)
  setAddress(packet.destination, ends.local)
  const found = table.find(packet, portsOf(ends))
  expect(packet.connection).toBe(found)
  if (found !== null) expect(table.last).toBe(found)
  return found
}

function nameOf({ local, localPort, remote, remotePort, interfaceIndex, zone }: Ends): string {
  const words = ({ word0, word1, word2, word3 }: IpAddress) => [word0, word1, word2, word3]
  const isLinkLocal = remote.version === 6
  const place = isLinkLocal ? `${interfaceIndex}%${zone}` : interfaceIndex
  return `${words(local)} ${localPort} ${words(remote)} ${remotePort} ${place}`
}

function tableThatCounts(): { table: ConnectionTable; hashes: () => number } {
  let count = 0
  const keyedHash = (key: Uint8Array, bytes: Uint8Array, lengthBytes: number) => {
    count++
    return testBulk.keyedHash(key, bytes, lengthBytes)
  }
  return {
    table: new ConnectionTable(new Uint8Array(8).fill(3), { keyedHash }),
    hashes: () => count,
  }
}

const anyEnds: fc.Arbitrary<Ends> = fc
  .record({
    family: fc.constantFrom(4, 6),
    local: fc.nat(1),
    remote: fc.nat(1),
    localPort: fc.constantFrom(80, 81, 80 + 1024),
    remotePort: fc.constantFrom(...REMOTE_PORTS),
    interfaceIndex: fc.nat(1),
    zone: fc.nat(1),
  })
  .map(({ family, local, remote, ...rest }) => ({
    ...rest,
    local: (family === 4 ? LOCALS : LOCALS6)[local]!,
    remote: (family === 4 ? REMOTES : REMOTES6)[remote]!,
  }))

describe('the connection table', () => {
  it('holds and finds what a map would, whatever comes, goes and comes again', () => {
    const step = fc.record({ ends: anyEnds, what: fc.constantFrom('come', 'go', 'find', 'find') })
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 200 }), (steps) => {
        const { table } = tableThatCounts()
        const held = new Map<string, TcpSocket>()
        for (const { ends, what } of steps) {
          const name = nameOf(ends)
          const socket = held.get(name)
          if (what === 'come' && socket === undefined) {
            const made = socketOf(ends)
            table.insert(made)
            held.set(name, made)
          } else if (what === 'go' && socket !== undefined) {
            table.remove(socket)
            held.delete(name)
          }
          expect(find(table, ends)).toBe(held.get(name) ?? null)
        }
        expect(new Set(table.values())).toEqual(new Set(held.values()))
      }),
      { numRuns: 200 },
    )
  })

  it('computes no hash for packets of 64 connections in turn, as one peer opens them', () => {
    const { table, hashes } = tableThatCounts()
    const all: Ends[] = []
    // A Linux host takes ports some ten apart for one destination after the other.
    for (let index = 0; index < 64; index++) {
      const remotePort = 32_768 + 14 * index
      all.push({
        ...{ local: LOCALS[0]!, localPort: 5201, remote: REMOTES[0]!, remotePort },
        ...{ interfaceIndex: 0, zone: 0 },
      })
    }
    const sockets = all.map(socketOf)
    for (const socket of sockets) table.insert(socket)
    const before = hashes()
    for (let round = 0; round < 3; round++) {
      for (const [index, ends] of all.entries()) expect(find(table, ends)).toBe(sockets[index])
    }
    expect(hashes()).toBe(before)
  })

  it('finds many whose ports make one number, by hash, and each that is alone without', () => {
    const { table, hashes } = tableThatCounts()
    const all: Ends[] = []
    for (let index = 0; index < 60; index++) {
      const [local, remote, remotePort] = [LOCALS[0]!, REMOTES[index % 2]!, 1024 * (index + 1)]
      all.push({ local, localPort: 80, remote, remotePort, interfaceIndex: 0, zone: 0 })
    }
    const other = { ...all[0]!, remotePort: 77 }
    const sockets = [...all, other].map(socketOf)
    for (const socket of sockets) table.insert(socket)
    for (const [index, ends] of all.entries()) expect(find(table, ends)).toBe(sockets[index])
    const before = hashes()
    expect(find(table, other)).toBe(sockets.at(-1))
    expect(hashes()).toBe(before)
  })

  it('does not find a connection that has ended, and finds the next one between the same ends', () => {
    const { table } = tableThatCounts()
    const ends: Ends = {
      ...{ local: LOCALS[0]!, localPort: 80, remote: REMOTES[0]!, remotePort: 1024 },
      ...{ interfaceIndex: 0, zone: 0 },
    }
    const first = socketOf(ends)
    table.insert(first)
    expect(find(table, ends)).toBe(first)
    table.remove(first)
    expect(table.last).toBeNull()
    expect(find(table, ends)).toBeNull()
    const second = socketOf(ends)
    table.insert(second)
    expect(find(table, ends)).toBe(second)
    // The end of one that was replaced takes nothing from its successor.
    table.remove(first)
    expect(find(table, ends)).toBe(second)
  })

  it('keeps link-local peers of two links apart, and ends of two interfaces', () => {
    const { table } = tableThatCounts()
    const ends = { local: LOCALS6[0]!, localPort: 80, remote: REMOTES6[0]!, remotePort: 1024 }
    const all: Ends[] = [
      { ...ends, interfaceIndex: 0, zone: 0 },
      { ...ends, interfaceIndex: 0, zone: 1 },
      { ...ends, interfaceIndex: 1, zone: 1 },
    ]
    const sockets = all.map(socketOf)
    for (const socket of sockets) table.insert(socket)
    for (let round = 0; round < 2; round++) {
      for (const [index, one] of all.entries()) expect(find(table, one)).toBe(sockets[index])
    }
    expect(find(table, { ...ends, interfaceIndex: 2, zone: 2 })).toBeNull()
  })
})
