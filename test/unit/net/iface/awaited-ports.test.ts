/**
 * The rules for all that nobody has asked for mean every port but those that are awaited, however
 * these lie.
 */
import { expect, it } from 'vitest'
import { AwaitedPorts, MAX_AWAITED_PORTS, UNASKED } from '../../../../net/iface/awaited-ports.ts'
import { ipv4, ipv6, udp } from '../../../support/frames.ts'
import { fromPeer } from '../../../support/interface-harness.ts'
import { testBulk } from '../../../support/memory.ts'

const four = ['10.0.0.9', '10.0.0.2'] as const
const six = ['fd00::9', 'fd00::2'] as const

function frame(version: 4 | 6, port: number): Uint8Array {
  const [source, destination] = version === 4 ? four : six
  const datagram = udp(source, destination, 53, port, [1, 2, 3, 4])
  return version === 4
    ? fromPeer(0x800, ipv4({ source, destination, protocol: 17 }, datagram))
    : fromPeer(0x86dd, ipv6({ source, destination, nextHeader: 17 }, datagram))
}

/** The ports that the rules do not mean. */
function spared(awaited: AwaitedPorts, version: 4 | 6): number[] {
  const { rules } = awaited
  const bytes = frame(version, 0)
  const at = version === 4 ? 36 : 56
  const found: number[] = []
  for (let port = 0; port <= 0xffff; port++) {
    bytes[at] = port >> 8
    bytes[at + 1] = port
    if (!rules.mean(bytes, 0, bytes.length, testBulk)) found.push(port)
  }
  return found
}

it.each([
  [[68]],
  [[0, 0xffff]],
  [[546, 68, 49_152, 49_153]],
  [[1024, 1025, 1026, 1027, 40_000, 40_002, 7, 65_000]],
  [[68, 68]],
])('of %j', (ports) => {
  const awaited = new AwaitedPorts()
  for (const port of ports) awaited.add(port)
  const expected = [...new Set(ports)].sort((a, b) => a - b)
  expect(spared(awaited, 4)).toEqual(expected)
  expect(spared(awaited, 6)).toEqual(expected)
})

it('of more than there is room for, those that were there first', () => {
  const awaited = new AwaitedPorts()
  const ports = Array.from({ length: MAX_AWAITED_PORTS + 2 }, (_, index) => 5000 + index)
  for (const port of ports) awaited.add(port)
  expect(spared(awaited, 4)).toEqual(ports.slice(0, MAX_AWAITED_PORTS))
  awaited.remove(5000)
  expect(spared(awaited, 4)).toEqual(ports.slice(1, MAX_AWAITED_PORTS + 1))
})

it('of one port that many wait at take no room from others', () => {
  const awaited = new AwaitedPorts()
  for (let client = 0; client < MAX_AWAITED_PORTS; client++) awaited.add(68)
  awaited.add(5353)
  expect(spared(awaited, 4)).toEqual([68, 5353])
  awaited.remove(68)
  expect(spared(awaited, 4)).toEqual([68, 5353])
})

it('are those for everything while none is awaited', () => {
  const awaited = new AwaitedPorts()
  awaited.add(68)
  awaited.remove(68)
  awaited.remove(69)
  expect(awaited.rules).toBe(UNASKED)
})

it('mean what has IPv4 options or is a ping all the same', () => {
  const awaited = new AwaitedPorts()
  awaited.add(68)
  const withOptions = frame(4, 68)
  for (let words = 6; words < 16; words++) {
    withOptions[14] = 0x40 | words
    expect(awaited.rules.mean(withOptions, 0, withOptions.length, testBulk)).toBe(true)
  }
})
