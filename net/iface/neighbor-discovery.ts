/**
 * Neighbor Solicitations and Advertisements: answered, asked, checked (RFC 4861 §7, RFC 4862 §5.4).
 */
import type { TransmitRecord } from '../phy/transmit-record.ts'
import { Icmpv6Type } from '../wire/icmpv6.ts'
import {
  copyOfAddress,
  IPV6_ALL_NODES,
  IPV6_UNSPECIFIED,
  type IpAddress,
  isLinkLocal,
  isMulticast,
  isUnspecified,
  setAddress,
  solicitedNodeAddress,
} from '../wire/ip-address.ts'
import { isStationHardwareAddress } from '../wire/mac-address.ts'
import {
  createNeighborMessage,
  emitNeighborMessage,
  isValidNdp,
  NDP_HOP_LIMIT,
  NeighborFlag,
  parseNeighborMessage,
} from '../wire/ndp.ts'
import { AddressState, type InterfaceAddress } from './address-table.ts'
import type { ControlSender } from './control-sender.ts'
import { DuplicateAddressDetection } from './duplicate-address-detection.ts'
import type { InterfaceParts } from './interface-parts.ts'
import type { MulticastListener } from './multicast-listener.ts'
import type { NeighborEntry } from './neighbor-entry.ts'
import type { ReceivedPacket } from './received-packet.ts'
import type { RouterDiscovery } from './router-discovery.ts'

export class NeighborDiscovery {
  readonly detection: DuplicateAddressDetection
  /**
   * Null while addresses and routers are configured by hand: advertisements change nothing then.
   */
  routers: RouterDiscovery | null = null
  private readonly parts: InterfaceParts
  private readonly sender: ControlSender
  private readonly received = createNeighborMessage()
  private readonly sent = createNeighborMessage()

  private readonly listener: MulticastListener

  constructor(parts: InterfaceParts, sender: ControlSender, listener: MulticastListener) {
    this.parts = parts
    this.sender = sender
    this.listener = listener
    this.detection = new DuplicateAddressDetection(
      parts,
      (entry) => this.probe(entry),
      (entry, nowMs) => this.settle(entry, nowMs),
    )
  }

  /**
   * Detects whether somebody has a new address already. RFC 4862 §5.4.2: its solicited-node group
   * is joined before, and the report waits as long as the probe, which switches let through only
   * where the group is known.
   */
  addAddress(entry: InterfaceAddress, nowMs: number): void {
    const delayMs = this.detection.start(entry, nowMs)
    this.listener.membership.join(solicitedNodeAddress(entry.address), nowMs, delayMs)
  }

  removeAddress(entry: InterfaceAddress, nowMs: number): void {
    this.detection.stop(entry)
    if (entry.state !== AddressState.Duplicate) this.leaveSolicitedNode(entry, nowMs)
  }

  /** Takes an ICMPv6 message of type 133..137 whose checksum is right. */
  process(packet: ReceivedPacket, nowMs: number): void {
    const view = packet.frame.fragments[0]!.buffer.view
    const { transportOffset: offset, transportLength: length, hopLimit } = packet
    // RFC 6980 §5: neighbor discovery in a fragment, an atomic one too, is silently ignored.
    if (packet.hasFragmentHeader || !isValidNdp(view, offset, length, hopLimit)) {
      this.parts.counters.ndpInvalid++
      return
    }
    const type = view.getUint8(offset)
    if (type === Icmpv6Type.NeighborSolicitation) this.processSolicitation(packet, view, nowMs)
    else if (type === Icmpv6Type.NeighborAdvertisement)
      this.processAdvertisement(packet, view, nowMs)
    else this.processRouterMessage(packet, view, type, nowMs)
  }

  /** False while duplicate detection runs for every address that a question could come from. */
  maySolicit(neighbor: IpAddress): boolean {
    const { addresses } = this.parts
    const isCertain = addresses.selectAskingSource(neighbor) !== null
    return isCertain || addresses.selectSource(neighbor) === null
  }

  /** Asks for a neighbor: its solicited-node group, or only the station that had the address. */
  solicit(entry: NeighborEntry, unicast: boolean): void {
    const source = this.parts.addresses.selectAskingSource(entry.address)
    if (source === null) {
      this.parts.counters.controlNotSent++
      return
    }
    const record = unicast
      ? this.sender.beginTo(
          source,
          entry.address,
          NDP_HOP_LIMIT,
          entry.hardwareHigh,
          entry.hardwareLow,
        )
      : this.sender.beginGroup(source, solicitedNodeAddress(entry.address), NDP_HOP_LIMIT)
    const message = this.fill(Icmpv6Type.NeighborSolicitation, 0, entry.address)
    // RFC 4429 §3.2: an optimistic source must not plant itself into other caches.
    message.hasLinkLayerAddress = !this.parts.addresses.isOptimistic(source)
    const length = emitNeighborMessage(record.view, this.sender.messageOffset, message)
    this.sender.finish(record, length)
  }

  private settle(entry: InterfaceAddress, nowMs: number): void {
    // What went around it, or waited for it, goes straight there from now on.
    this.parts.neighbors.invalidatePaths()
    this.parts.neighbors.resume(nowMs)
    this.routers?.settle(entry, nowMs)
    if (entry.state === AddressState.Duplicate) this.leaveSolicitedNode(entry, nowMs)
    // RFC 3590 §4: what was reported without a source is reported again once there is one.
    else if (isLinkLocal(entry.address)) this.listener.membership.announceAll(nowMs)
  }

  private leaveSolicitedNode(entry: InterfaceAddress, nowMs: number): void {
    this.listener.membership.leave(solicitedNodeAddress(entry.address), nowMs)
  }

  /** RFC 4862 §5.4.2: from the unspecified address, without our hardware address. */
  private probe(entry: InterfaceAddress): boolean {
    const group = solicitedNodeAddress(entry.address)
    const record = this.sender.beginGroup(IPV6_UNSPECIFIED, group, NDP_HOP_LIMIT)
    const message = this.fill(Icmpv6Type.NeighborSolicitation, 0, entry.address)
    message.hasLinkLayerAddress = false
    const length = emitNeighborMessage(record.view, this.sender.messageOffset, message)
    return this.sender.finish(record, length)
  }

  private processSolicitation(packet: ReceivedPacket, view: DataView, nowMs: number): void {
    const { addresses, counters, neighbors, routes } = this.parts
    const message = this.received
    const fromNobody = isUnspecified(packet.source)
    if (
      !parseNeighborMessage(view, packet.transportOffset, packet.transportLength, message) ||
      !hasPossibleLinkLayerAddress(message) ||
      (fromNobody && (message.hasLinkLayerAddress || !isToSolicitedNode(packet)))
    ) {
      counters.ndpInvalid++
      return
    }
    const entry = addresses.find(message.target)
    if (entry === null || entry.state === AddressState.Duplicate) {
      counters.ndpIgnored++
      return
    }
    if (fromNobody && this.detection.conflict(entry, nowMs)) {
      counters.addressConflicts++
      return
    }
    if (entry.state === AddressState.Tentative) {
      counters.ndpIgnored++
      return
    }
    const source = copyOfAddress(packet.source)
    if (message.hasLinkLayerAddress && routes.isOnLink(source)) {
      neighbors.learn(source, message.linkLayerHigh, message.linkLayerLow, nowMs)
    }
    this.advertise(packet, entry, fromNobody ? null : source)
  }

  /** RFC 4861 §7.2.4. `asker` null = a duplicate detection probe, answered to all nodes. */
  private advertise(
    packet: ReceivedPacket,
    entry: InterfaceAddress,
    asker: IpAddress | null,
  ): void {
    if (asker === null) {
      this.announce(entry)
      return
    }
    const known = this.received
    const record = this.sender.beginTo(
      entry.address,
      asker,
      NDP_HOP_LIMIT,
      known.hasLinkLayerAddress ? known.linkLayerHigh : packet.linkSourceHigh,
      known.hasLinkLayerAddress ? known.linkLayerLow : packet.linkSourceLow,
    )
    this.finishAdvertisement(record, entry, NeighborFlag.Solicited)
  }

  /**
   * Tells all nodes where the address is (§7.2.6): nobody asked, so that they need not believe it.
   */
  announce(entry: InterfaceAddress): void {
    const record = this.sender.beginGroup(entry.address, IPV6_ALL_NODES, NDP_HOP_LIMIT)
    this.finishAdvertisement(record, entry, 0)
  }

  private finishAdvertisement(
    record: TransmitRecord,
    entry: InterfaceAddress,
    flags: number,
  ): void {
    // RFC 4429 §3.3: an optimistic address never overrides.
    const override = entry.state === AddressState.Optimistic ? 0 : NeighborFlag.Override
    const type = Icmpv6Type.NeighborAdvertisement
    const message = this.fill(type, flags | override, entry.address)
    message.hasLinkLayerAddress = true
    const length = emitNeighborMessage(record.view, this.sender.messageOffset, message)
    this.sender.finish(record, length)
    this.parts.counters.neighborAdvertisementsSent++
  }

  private processAdvertisement(packet: ReceivedPacket, view: DataView, nowMs: number): void {
    const { addresses, counters, neighbors } = this.parts
    const message = this.received
    const solicited =
      parseNeighborMessage(view, packet.transportOffset, packet.transportLength, message) &&
      (message.flags & NeighborFlag.Solicited) !== 0
    const { target } = message
    // §7.1.2: "If the IP Destination Address is a multicast address the Solicited flag is zero."
    if (
      isMulticast(target) ||
      (solicited && packet.toGroup) ||
      !hasPossibleLinkLayerAddress(message)
    ) {
      counters.ndpInvalid++
      return
    }
    const own = addresses.find(target)
    if (own !== null) {
      counters.addressConflicts++
      this.detection.conflict(own, nowMs)
      return
    }
    const known = neighbors.processAdvertisement(
      target,
      message.flags,
      message.hasLinkLayerAddress ? message.linkLayerHigh : -1,
      message.linkLayerLow,
      nowMs,
    )
    if (!known) counters.ndpIgnored++
    // §7.2.5: a router that says that it is no longer one MUST leave the list of default routers.
    else if ((message.flags & NeighborFlag.Router) === 0) this.routers?.withdraw(target, nowMs)
  }

  /** Redirects are ignored (a declared deviation); invalid messages are told apart. */
  private processRouterMessage(
    packet: ReceivedPacket,
    view: DataView,
    type: number,
    nowMs: number,
  ): void {
    const { counters } = this.parts
    // §6.1.2, §8.1: "IP Source Address is a link-local address".
    if (type !== Icmpv6Type.RouterSolicitation && !isLinkLocal(packet.source)) {
      counters.ndpInvalid++
    } else if (type === Icmpv6Type.RouterAdvertisement && this.routers !== null) {
      this.routers.process(packet, view, nowMs)
    } else {
      counters.ndpIgnored++
    }
  }

  private fill(type: number, flags: number, target: IpAddress) {
    const message = this.sent
    message.type = type
    message.flags = flags
    setAddress(message.target, target)
    message.linkLayerHigh = this.parts.hardwareHigh
    message.linkLayerLow = this.parts.hardwareLow
    return message
  }
}

function hasPossibleLinkLayerAddress(message: {
  hasLinkLayerAddress: boolean
  linkLayerHigh: number
  linkLayerLow: number
}): boolean {
  return (
    !message.hasLinkLayerAddress ||
    isStationHardwareAddress(message.linkLayerHigh, message.linkLayerLow)
  )
}

/** RFC 4291 §2.7.1: ff02::1:ff00:0/104. */
function isToSolicitedNode({ destination }: ReceivedPacket): boolean {
  return (
    destination.word0 === (0xff020000 | 0) &&
    destination.word1 === 0 &&
    destination.word2 === 1 &&
    destination.word3 >>> 24 === 0xff
  )
}
