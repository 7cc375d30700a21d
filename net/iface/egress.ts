/** How transports send: flows resolved once, packets made of a copied template and a few patched fields. */
import { sumTransmitFrame } from '../phy/frame-checksum.ts'
import { type DirectNetDevice, isDirect, type TransmitFrame } from '../phy/net-device.ts'
import { ChecksumWork, type PacketMeta } from '../phy/offload.ts'
import type { PacketBuffer, PayloadOwner } from '../storage/buffer.ts'
import { type IpAddress, isIpv4Mapped, isMulticast, isUnspecified } from '../wire/ip-address.ts'
import { IPV4_HEADER_LENGTH, IpProtocol } from '../wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TCP_SEQUENCE_OFFSET } from '../wire/tcp.ts'
import { FlowPath } from './flow-path.ts'
import type { InterfaceParts } from './interface-parts.ts'
import { type LinkDestination, resolveGroup } from './link-destination.ts'
import { NeighborState } from './neighbor-entry.ts'
import type { Egress, Flow } from './protocol-handler.ts'

/** While a neighbour is being verified, flows look at its state this often. */
const RECHECK_MS = 1_000

export class FlowEgress implements Egress {
  /** A packet was refused since this was last cleared: device full, link down or neighbour unresolved. */
  refused = false
  private readonly parts: InterfaceParts
  private readonly directDevice: DirectNetDevice | null
  private readonly groupDestination: LinkDestination = { high: 0, low: 0 }

  constructor(parts: InterfaceParts) {
    this.parts = parts
    this.directDevice = isDirect(parts.device) ? parts.device : null
  }

  openFlow(destination: IpAddress, source: IpAddress | null, protocol: number): Flow | null {
    const { device, addresses, routes, random } = this.parts
    if (isUnspecified(destination) || isIpv4Mapped(destination)) return null
    // There is no loopback interface: a packet to ourselves would have to come back from the wire.
    if (addresses.isLocal(destination)) return null
    if (routes.lookup(destination) === null && !this.isGroup(destination)) return null
    const chosen = source ?? addresses.selectSource(destination)
    if (chosen === null || chosen.version !== destination.version) return null
    const { maxTransmissionUnit } = device.capabilities
    return new FlowPath(
      chosen,
      destination,
      protocol,
      maxTransmissionUnit,
      this.deviceChecksums(protocol),
      random.nextInt32(),
    )
  }

  beginPacket(flow: Flow, nowMs: number): TransmitFrame | null {
    const path = flow as FlowPath
    const parts = this.parts
    if (nowMs >= path.validUntilMs || path.generation !== parts.neighbors.generation) {
      if (!this.resolve(path, nowMs)) return null
    }
    const frame = parts.device.acquireTransmit()
    if (frame === null) {
      this.refused = true
      return null
    }
    const headerLength = path.headerLength
    parts.bulk.copy(frame.header.bytes, frame.headerOffset, path.template, 0, headerLength)
    frame.headerLength = headerLength
    return frame
  }

  commitPacket(
    flow: Flow,
    frame: TransmitFrame,
    transportHeaderLength: number,
    checksumOffset: number,
    segmentSize: number,
    congestionWindowReduced: boolean,
  ): void {
    const path = flow as FlowPath
    const headerLength = path.headerLength
    const view = frame.header.view
    const start = frame.headerOffset + headerLength
    const length = transportHeaderLength + frame.payload0Length + frame.payload1Length
    frame.headerLength = headerLength + transportHeaderLength
    let sum: number
    if (path.ipVersion === 4) {
      const identification = path.identification
      const totalLength = length + 20
      view.setUint16(start - 18, totalLength)
      view.setUint16(start - 16, identification)
      // The template's sum plus the two fields that differ; two folds suffice for three 16-bit terms.
      sum = path.headerSum + totalLength + identification
      sum = (sum & 0xffff) + (sum >>> 16)
      sum = (sum & 0xffff) + (sum >>> 16)
      view.setUint16(start - 10, ~sum & 0xffff)
      // RFC 6864 §4.1 allows any value where DF is set; receivers that coalesce want consecutive ones.
      path.identification =
        segmentSize > 0
          ? (identification + ((length / segmentSize) | 0) + 1) & 0xffff
          : (identification + 1) & 0xffff
    } else {
      view.setUint16(start - 36, length)
    }
    if (checksumOffset >= 0) {
      sum = path.pseudoHeaderSum + length
      sum = (sum & 0xffff) + (sum >>> 16)
      view.setUint16(start + checksumOffset, sum)
      const meta = frame.meta
      if (path.deviceChecksums) {
        meta.checksumStart = headerLength
        meta.checksumOffset = checksumOffset
        if (segmentSize > 0) {
          meta.segmentationOffloadSize = segmentSize
          meta.ipVersion = path.ipVersion
          meta.congestionWindowReduced = congestionWindowReduced
        }
      } else {
        // The seed lies in the field, so summing the whole includes the pseudo-header.
        sum = ~sumTransmitFrame(frame, start, this.parts.bulk, 0) & 0xffff
        // RFC 768: a computed zero is sent as all ones.
        if (sum === 0 && path.protocol === IpProtocol.Udp) sum = 0xffff
        view.setUint16(start + checksumOffset, sum)
      }
    }
    this.parts.counters.framesSent++
    this.parts.device.commitTransmit(frame)
  }

  cancelPacket(frame: TransmitFrame): void {
    this.parts.device.cancelTransmit(frame)
  }

  sendSegments(
    flow: Flow,
    sequence: number,
    headerLength: number,
    segmentSize: number,
    payload: PacketBuffer | null,
    offset: number,
    length: number,
    count: number,
    owner: PayloadOwner | null,
    nowMs: number,
  ): number {
    const path = flow as FlowPath
    const { neighbors, counters } = this.parts
    if (nowMs >= path.validUntilMs || path.generation !== neighbors.generation) {
      if (!this.resolve(path, nowMs)) return 0
    }
    const { template, header, ipVersion } = path
    const start = path.headerLength
    const packetHeaderLength = start + headerLength
    const transportLength = headerLength + length
    if (path.plannedLength !== transportLength) path.planLength(transportLength)
    const lengthSum = path.headerSum + transportLength + IPV4_HEADER_LENGTH
    const identifications = segmentSize > 0 ? (((length - 1) / segmentSize) | 0) + 1 : 1
    const meta = path.metaOf(segmentSize)
    const direct = path.deviceChecksums ? this.directDevice : null
    let { identification } = path
    let position = offset
    let sent = 0
    for (;;) {
      header.setInt32(start + TCP_SEQUENCE_OFFSET, (sequence + length * sent) | 0)
      if (ipVersion === 4) {
        // Octets of an array: a store costs half of what a method of DataView does.
        template[start - 16] = identification >> 8
        template[start - 15] = identification
        // Three terms of 16 bits: two end-around carries at most.
        let sum = lengthSum + identification
        if (sum > 0xffff) sum -= 0xffff
        if (sum > 0xffff) sum -= 0xffff
        template[start - 10] = ~sum >> 8
        template[start - 9] = ~sum
        // RFC 6864 §4.1 allows any value where DF is set; receivers that coalesce want consecutive ones.
        identification = (identification + identifications) & 0xffff
      }
      const isTaken =
        direct === null
          ? this.compose(path, packetHeaderLength, meta, payload, position, length, owner)
          : direct.transmit(template, packetHeaderLength, meta, payload, position, length, owner)
      if (!isTaken) {
        this.refused = true
        break
      }
      if (++sent === count) break
      position += length
      if (payload !== null && position >= payload.lengthBytes) position -= payload.lengthBytes
    }
    path.identification = identification
    counters.framesSent += sent
    return sent
  }

  /** DirectNetDevice.transmit by acquire and commit, with the checksum where the device computes none. */
  private compose(
    path: FlowPath,
    headerLength: number,
    wanted: PacketMeta,
    payload: PacketBuffer | null,
    offset: number,
    length: number,
    owner: PayloadOwner | null,
  ): boolean {
    const { device, bulk } = this.parts
    const frame = device.acquireTransmit()
    if (frame === null) return false
    const { header, headerOffset, meta } = frame
    bulk.copy(header.bytes, headerOffset, path.template, 0, headerLength)
    frame.headerLength = headerLength
    if (payload !== null) {
      const contiguous = payload.lengthBytes - offset
      frame.payload0 = payload
      frame.payload0Offset = offset
      frame.owner = owner
      if (length <= contiguous) {
        frame.payload0Length = length
      } else {
        frame.payload0Length = contiguous
        frame.payload1 = payload
        frame.payload1Offset = 0
        frame.payload1Length = length - contiguous
      }
    }
    if (path.deviceChecksums) {
      meta.checksumStart = wanted.checksumStart
      meta.checksumOffset = wanted.checksumOffset
      meta.segmentationOffloadSize = wanted.segmentationOffloadSize
      meta.ipVersion = wanted.ipVersion
    } else {
      // The seed lies in the field, so summing the whole includes the pseudo-header.
      const start = headerOffset + path.headerLength
      const sum = sumTransmitFrame(frame, start, bulk, 0)
      header.view.setUint16(start + TCP_CHECKSUM_OFFSET, ~sum & 0xffff)
    }
    device.commitTransmit(frame)
    return true
  }

  superSegmentLimit(flow: Flow, transportHeaderLength: number): number {
    const path = flow as FlowPath
    const { segmentation } = this.parts.device.capabilities
    const limit = path.ipVersion === 4 ? segmentation.tcpv4 : segmentation.tcpv6
    if (limit === undefined || !path.deviceChecksums) return 0
    return limit - path.headerLength - transportHeaderLength
  }

  isUnreachable(flow: Flow, nowMs: number): boolean {
    const path = flow as FlowPath
    if (path.generation !== this.parts.neighbors.generation) this.lookUp(path, nowMs)
    return path.noRoute || (path.neighbor?.unreachable ?? false)
  }

  /** Brings the template's hardware addresses up to date; false, and the packet refused, while there are none. */
  private resolve(path: FlowPath, nowMs: number): boolean {
    if (this.lookUp(path, nowMs)) return true
    this.refused = true
    path.isResolving = true
    return false
  }

  private lookUp(path: FlowPath, nowMs: number): boolean {
    const { routes, neighbors, hardwareHigh, hardwareLow } = this.parts
    const group = this.groupDestination
    const generation = neighbors.generation
    path.generation = generation
    path.validUntilMs = Number.NEGATIVE_INFINITY
    path.noRoute = false
    path.isResolving = false
    if (this.isGroup(path.destination)) {
      path.neighbor = null
      resolveGroup(path.destination, group)
      path.setHardwareAddresses(group.high, group.low, hardwareHigh, hardwareLow)
      path.validUntilMs = Number.POSITIVE_INFINITY
      return true
    }
    const route = routes.lookup(path.destination)
    if (route === null) {
      path.neighbor = null
      path.noRoute = true
      return false
    }
    const entry = neighbors.use(route.gateway ?? path.destination, route.gateway !== null, nowMs)
    path.neighbor = entry
    if (entry === null || !entry.isUsable()) return false
    path.setHardwareAddresses(entry.hardwareHigh, entry.hardwareLow, hardwareHigh, hardwareLow)
    path.validUntilMs =
      entry.state === NeighborState.Reachable ? entry.reachableUntilMs : nowMs + RECHECK_MS
    return true
  }

  private isGroup(destination: IpAddress): boolean {
    return (
      isMulticast(destination) ||
      (destination.version === 4 && this.parts.addresses.isBroadcast(destination.word3))
    )
  }

  private deviceChecksums(protocol: number): boolean {
    const { checksum } = this.parts.device.capabilities
    if (protocol === IpProtocol.Tcp) return (checksum.tcp & ChecksumWork.Transmit) === 0
    if (protocol === IpProtocol.Udp) return (checksum.udp & ChecksumWork.Transmit) === 0
    return false
  }
}
