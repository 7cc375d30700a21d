/**
 * ICMP and raw IP on an interface whose peer's hardware address is known already, and what the peer
 * sends.
 */

import { QueueMemory } from '../../net/socket/datagram/queue-memory.ts'
import { OnDemandProtocols } from '../../net/socket/on-demand-protocols.ts'
import type { FakeDevice, SentFrame } from './fake-device.ts'
import { checksumOf, concat, ethernet, icmpv4, icmpv6, ipv4, ipv6, pseudoHeader } from './frames.ts'
import { question, solicitation } from './hostile-corpus.ts'
import * as lab from './interface-harness.ts'
import { testBulk } from './memory.ts'
import { createRandomSource } from './random.ts'
import { OURS, PEERS, type Version } from './udp-lab.ts'

const { OUR_MAC, PEER_MAC } = lab

export class IcmpLab extends lab.InterfaceHarness {
  readonly protocols: OnDemandProtocols
  /** What the stopwatch shows. */
  stopwatchMs = 0.25

  constructor(device?: FakeDevice) {
    super(device)
    const { egress } = this.host
    const random = createRandomSource(11)
    const parts = { egress, bulk: testBulk, random, memory: new QueueMemory(), groups: this.iface }
    this.protocols = new OnDemandProtocols(this.host, parts, () => this.stopwatchMs)
    this.deliver(question())
    this.deliver(solicitation())
  }

  takeSent(): SentFrame[] {
    this.poll()
    return this.device.takeSent()
  }
}

export interface PacketFields {
  source?: string
  destination?: string
  hopLimit?: number
  trafficClass?: number
}

/** A packet of any protocol from the peer. */
export function packetOf(
  version: Version,
  protocol: number,
  payload: ArrayLike<number>,
  fields: PacketFields = {},
): Uint8Array {
  const { source = PEERS[version], destination = OURS[version] } = fields
  const { hopLimit = 64, trafficClass = 0 } = fields
  const packet =
    version === 4
      ? ipv4({ source, destination, protocol, timeToLive: hopLimit, trafficClass }, payload)
      : ipv6({ source, destination, nextHeader: protocol, hopLimit, trafficClass }, payload)
  return concat(ethernet(OUR_MAC, PEER_MAC, version === 4 ? 0x800 : 0x86dd), packet)
}

/** An ICMP message from the peer with a right checksum. `rest` is what its second word holds. */
export function icmpFrom(
  version: Version,
  type: number,
  code: number,
  rest: number,
  data: ArrayLike<number>,
  fields: PacketFields = {},
): Uint8Array {
  const { source = PEERS[version], destination = OURS[version] } = fields
  const word = [rest >>> 24, (rest >>> 16) & 255, (rest >>> 8) & 255, rest & 255]
  const message =
    version === 4
      ? icmpv4(type, code, rest >>> 0, data)
      : icmpv6(source, destination, type, code, concat(word, data))
  return packetOf(version, version === 4 ? 1 : 58, message, fields)
}

/** IP payloads among the frames sent, of one protocol. */
export function sentPayloads(frames: readonly SentFrame[], protocol: number) {
  return frames.flatMap(({ bytes, meta }) => {
    const isIpv4 = bytes[12] === 8 && bytes[13] === 0
    if (bytes[isIpv4 ? 23 : 20] !== protocol) return []
    const payload = bytes.subarray(isIpv4 ? 34 : 54)
    const view = new DataView(payload.buffer, payload.byteOffset, payload.length)
    return [
      {
        payload: [...payload],
        hopLimit: bytes[isIpv4 ? 22 : 21]!,
        packet: bytes.subarray(14),
        isOffloaded: meta.checksumStart !== 0,
        isHeaderGood: !isIpv4 || checksumOf(bytes.subarray(14, 34)) === 0,
        /** Of ICMP. */
        rest: payload.length < 8 ? 0 : view.getInt32(4),
      },
    ]
  })
}

export function isIcmpChecksumGood(version: Version, payload: readonly number[]): boolean {
  const pseudo = version === 4 ? [] : [...pseudoHeader(OURS[6], PEERS[6], 58, payload.length)]
  return checksumOf([...pseudo, ...payload]) === 0
}
