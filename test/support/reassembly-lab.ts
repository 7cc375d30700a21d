/**
 * A UDP socket whose datagrams arrive in fragments, and what must be as before once a hostile one
 * is over.
 */
import { beforeEach, expect } from 'vitest'
import type { UdpSocket } from '../../net/socket/udp/udp-socket.ts'
import type { FakeDevice } from './fake-device.ts'
import { fragmentsOf } from './fragments.ts'
import { datagram, message, readAll, UdpLab, type Version } from './udp-lab.ts'

export const UDP = 17
const SENTINEL = [1, 2, 3]
/** Fresh for each test of a file that called setUpReassembly. */
export let lab: UdpLab
export let socket: UdpSocket

export function restart(device?: FakeDevice): void {
  lab = new UdpLab(device)
  socket = lab.udp.open({ port: 7 })
}

export function setUpReassembly(): void {
  beforeEach(() => restart())
}

export function payloadOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff)
}

/** The table, which is nobody's business but a test's. */
export function reassemblyTable() {
  const { reassembler } = lab.iface as unknown as {
    reassembler: { table: { active: unknown[]; pool: { used: number } } }
  }
  return reassembler.table
}

export function expectNothingLeft(): void {
  expect(reassemblyTable().active).toHaveLength(0)
  expect(reassemblyTable().pool.used).toBe(0)
}

/**
 * A datagram that has nothing to do with what went before arrives, and so does one in fragments.
 */
export function expectTwinsArrive(version: Version): void {
  lab.deliver(datagram(version, SENTINEL))
  const whole = message(version, payloadOf(3000))
  for (const frame of fragmentsOf({ version, protocol: UDP, identification: 9999 }, whole, 1000)) {
    lab.deliver(frame)
  }
  expect(readAll(socket)).toEqual([SENTINEL, [...payloadOf(3000)]])
}
