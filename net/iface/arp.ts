/** Answers, asks and announces IPv4 hardware addresses (RFC 826, RFC 5227 §2.3 and §2.4). */

import { ARP_PACKET_LENGTH, ArpOperation, createArpPacket, emitArp, parseArp } from '../wire/arp.ts'
import { ETHERNET_HEADER_LENGTH, EtherType } from '../wire/ethernet.ts'
import { copyOfAddress, createAddressRecord, setIpv4Address } from '../wire/ip-address.ts'
import { BROADCAST_HIGH, BROADCAST_LOW, isStationHardwareAddress } from '../wire/mac-address.ts'
import { AddressProbe } from './address-probe.ts'
import type { ControlSender } from './control-sender.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { NeighborEntry } from './neighbor-entry.ts'

/** RFC 5227 §1.1: an address is defended at most this often. */
export const DEFEND_INTERVAL_MS = 10_000

export class Arp {
  readonly probe: AddressProbe
  private readonly parts: InterfaceParts
  /** Whoever sent the packet at hand. */
  private readonly station = createAddressRecord()
  private readonly sender: ControlSender
  private readonly received = createArpPacket()
  private readonly sent = createArpPacket()
  /** Whether dispatch has something to send. Read only outside. */
  hasAnnouncements = false
  private readonly pendingAnnouncements: number[] = []
  private lastDefenseMs = Number.NEGATIVE_INFINITY

  constructor(parts: InterfaceParts, sender: ControlSender) {
    this.parts = parts
    this.sender = sender
    // RFC 5227 §2.1.1: a probe's sender address is 0, so that it overwrites what nobody knows.
    this.probe = new AddressProbe(parts.tasks, (address) =>
      this.request(0, address, BROADCAST_HIGH, BROADCAST_LOW),
    )
  }

  /** Takes an ARP packet of at most `length` bytes, link padding included. */
  process(view: DataView, offset: number, length: number, nowMs: number): void {
    const { addresses, counters, neighbors, routes } = this.parts
    const packet = this.received
    if (!parseArp(view, offset, length, packet)) {
      counters.arpMalformed++
      return
    }
    const { station } = this
    const { senderAddress, senderHigh, senderLow, targetAddress } = packet
    if (!isStationHardwareAddress(senderHigh, senderLow) || !isPossibleSender(senderAddress)) {
      counters.arpBadSender++
      return
    }
    if (addresses.isBroadcast(senderAddress)) {
      counters.arpBadSender++
      return
    }
    const isOwn = senderHigh === this.parts.hardwareHigh && senderLow === this.parts.hardwareLow
    if (!isOwn && this.probe.hear(packet, nowMs)) {
      counters.addressConflicts++
      return
    }
    if (addresses.isLocalIpv4(senderAddress)) {
      this.defend(senderAddress, nowMs)
      return
    }
    setIpv4Address(station, senderAddress)
    const { operation } = packet
    const isToUs = addresses.isLocalIpv4(targetAddress)
    if (operation === ArpOperation.Request && isToUs) {
      // RFC 5227 §2.1.1: a probe has no sender address; it is answered, but there is nothing to
      // remember.
      if (senderAddress !== 0 && routes.isOnLink(station)) {
        neighbors.learn(copyOfAddress(station), senderHigh, senderLow, nowMs)
      }
      this.reply(targetAddress, senderAddress, senderHigh, senderLow)
      return
    }
    const known = senderAddress === 0 ? null : neighbors.lookup(station)
    let isOfUse = false
    if (known !== null && operation === ArpOperation.Reply && isToUs) {
      isOfUse = neighbors.processArpReply(known, senderHigh, senderLow, nowMs)
    } else if (known !== null && operation <= ArpOperation.Reply) {
      // RFC 826 merges what it hears before it looks at the target: so announcements are heard (RFC
      // 5227 §3).
      isOfUse = neighbors.claim(known, senderHigh, senderLow, nowMs)
    }
    if (!isOfUse) counters.arpIgnored++
  }

  /** Asks for a neighbor: the group, or only the station that had the address. */
  solicit(entry: NeighborEntry, unicast: boolean): void {
    const source = this.parts.addresses.selectSource(entry.address)
    if (source === null) {
      this.parts.counters.controlNotSent++
      return
    }
    const target = entry.address.word3
    if (unicast) this.request(source.word3, target, entry.hardwareHigh, entry.hardwareLow)
    else this.request(source.word3, target, BROADCAST_HIGH, BROADCAST_LOW)
  }

  /** Tells the link, at the next dispatch, that we have this address now. */
  announce(address: number): void {
    this.pendingAnnouncements.push(address)
    this.hasAnnouncements = true
  }

  dispatch(): void {
    while (this.pendingAnnouncements.length > 0) {
      const address = this.pendingAnnouncements[0]!
      if (!this.request(address, address, BROADCAST_HIGH, BROADCAST_LOW)) return
      this.pendingAnnouncements.shift()
    }
    this.hasAnnouncements = false
  }

  /**
   * RFC 5227 §2.4 (b): one announcement, and none again for a while, or two hosts would fight
   * forever.
   */
  private defend(address: number, nowMs: number): void {
    this.parts.counters.addressConflicts++
    if (nowMs - this.lastDefenseMs < DEFEND_INTERVAL_MS) return
    this.lastDefenseMs = nowMs
    this.request(address, address, BROADCAST_HIGH, BROADCAST_LOW)
  }

  private request(source: number, target: number, high: number, low: number): boolean {
    const packet = this.sent
    packet.operation = ArpOperation.Request
    packet.senderAddress = source
    packet.targetAddress = target
    packet.targetHigh = 0
    packet.targetLow = 0
    return this.send(high, low)
  }

  private reply(source: number, target: number, high: number, low: number): void {
    const packet = this.sent
    packet.operation = ArpOperation.Reply
    packet.senderAddress = source
    packet.targetAddress = target
    packet.targetHigh = high
    packet.targetLow = low
    this.send(high, low)
  }

  private send(high: number, low: number): boolean {
    const record = this.sender.beginRaw(high, low, EtherType.Arp)
    this.sent.senderHigh = this.parts.hardwareHigh
    this.sent.senderLow = this.parts.hardwareLow
    emitArp(record.view, ETHERNET_HEADER_LENGTH, this.sent)
    return this.sender.finishRaw(record, ARP_PACKET_LENGTH)
  }
}

/** Zero (a probe) or what a host can have; loopback, multicast and class E cannot be. */
function isPossibleSender(word: number): boolean {
  const top = word >>> 24
  return word === 0 || (top !== 0 && top !== 127 && top < 224)
}
