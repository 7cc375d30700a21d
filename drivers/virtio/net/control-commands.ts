/** The commands of the control queue as bytes (virtio 1.4 §5.1.6.5). */
import type { ControlCommand } from './control-queue.ts'
import { type ReceiveSteering, STEERING_TABLE_LENGTH } from './receive-steering.ts'

const RX = 0
const RX_PROMISCUOUS = 0
const RX_ALL_MULTICAST = 1
const MAC = 1
const MAC_TABLE_SET = 0
const MAC_ADDRESS_SET = 1
const VLAN = 2
const VLAN_ADD = 0
const ANNOUNCE = 3
const ANNOUNCE_ACKNOWLEDGE = 0
const MQ = 4
const MQ_PAIRS_SET = 0
const MQ_RSS_CONFIG = 1
const GUEST_OFFLOADS = 5
const GUEST_OFFLOADS_SET = 0
const COALESCING = 6
const COALESCING_RECEIVE_SET = 1
const COALESCING_QUEUE_SET = 2

/** So many interrupts are put off for, at most, whatever the delay. */
const COALESCED_PACKETS = 64

export function setPromiscuous(on: boolean): ControlCommand {
  return command('PROMISC', RX, RX_PROMISCUOUS, [on ? 1 : 0])
}

export function setAllMulticast(on: boolean): ControlCommand {
  return command('ALLMULTI', RX, RX_ALL_MULTICAST, [on ? 1 : 0])
}

/**
 * §5.1.6.5.2: two tables, of unicast addresses, which the guest has none of beside its own, and of
 * groups.
 */
export function setGroupTable(groups: readonly Uint8Array[]): ControlCommand {
  const bytes = groups.flatMap((group) => [...group])
  return command('MAC_TABLE_SET', MAC, MAC_TABLE_SET, [
    ...le32(0),
    ...le32(groups.length),
    ...bytes,
  ])
}

export function setAddress(address: Uint8Array): ControlCommand {
  return command('MAC_ADDR_SET', MAC, MAC_ADDRESS_SET, [...address])
}

export function addVlan(identifier: number): ControlCommand {
  return command('VLAN_ADD', VLAN, VLAN_ADD, le16(identifier))
}

export function acknowledgeAnnouncement(): ControlCommand {
  return command('ANNOUNCE_ACK', ANNOUNCE, ANNOUNCE_ACKNOWLEDGE, [])
}

/** §5.1.6.5.6.1: so many of both kinds of queues are to be used. */
export function setQueuePairs(count: number): ControlCommand {
  return command('VQ_PAIRS_SET', MQ, MQ_PAIRS_SET, le16(count))
}

/**
 * §5.1.6.5.7.1: hashed flows are spread evenly over so many pairs, which are to be used from now
 * on; what has no hash comes by the first.
 */
export function setSteering({ hashTypes, key }: ReceiveSteering, pairs: number): ControlCommand {
  const table = Array.from({ length: STEERING_TABLE_LENGTH }, (_, entry) => le16(entry % pairs))
  return command('RSS_CONFIG', MQ, MQ_RSS_CONFIG, [
    ...le32(hashTypes),
    ...le16(STEERING_TABLE_LENGTH - 1),
    ...le16(0),
    ...table.flat(),
    ...le16(pairs),
    ...[key.length, ...key],
  ])
}

/** `bits`: feature bits of what stays on, each below 64. */
export function setGuestOffloads(bits: readonly number[]): ControlCommand {
  const data = new Uint8Array(8)
  for (const bit of bits) data[bit >> 3]! |= 1 << (bit & 7)
  return command('GUEST_OFFLOADS_SET', GUEST_OFFLOADS, GUEST_OFFLOADS_SET, data)
}

/** §5.1.6.5.10: interrupts of all receive queues wait for so long. */
export function coalesceReceive(delayUs: number): ControlCommand {
  const data = [...le32(COALESCED_PACKETS), ...le32(delayUs)]
  return command('RX_SET', COALESCING, COALESCING_RECEIVE_SET, data)
}

export function coalesceQueue(queue: number, delayUs: number): ControlCommand {
  const data = [...le16(queue), ...le16(0), ...le32(COALESCED_PACKETS), ...le32(delayUs)]
  return command('VQ_SET', COALESCING, COALESCING_QUEUE_SET, data)
}

function command(
  name: string,
  commandClass: number,
  code: number,
  data: ArrayLike<number>,
): ControlCommand {
  return { name, class: commandClass, command: code, data: Uint8Array.from(data) }
}

function le16(value: number): number[] {
  return [value & 0xff, value >> 8]
}

function le32(value: number): number[] {
  return [value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24]
}
