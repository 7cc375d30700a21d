/**
 * Puts datagrams together that arrive in fragments (RFC 791 §3.2, RFC 1122 §3.3.2, RFC 8200 §4.5),
 * and says when it gives up.
 */
import type { ReceivedFrame } from '../../phy/net-device.ts'
import { createReceivedFrame } from '../../phy/received-frame.ts'
import { setAddress } from '../../wire/ip-address.ts'
import {
  IPV4_CHECKSUM_OFFSET,
  IPV4_FRAGMENT_OFFSET,
  IPV4_MORE_FRAGMENTS,
  IPV4_TOTAL_LENGTH_OFFSET,
  IpProtocol,
  type Ipv4Header,
} from '../../wire/ipv4.ts'
import {
  IPV6_HEADER_LENGTH,
  IPV6_NEXT_HEADER_OFFSET,
  IPV6_PAYLOAD_LENGTH_OFFSET,
} from '../../wire/ipv6.ts'
import {
  createExtensionChain,
  type ExtensionChain,
  FRAGMENT_HEADER_LENGTH,
  skipExtensionHeaders,
} from '../../wire/ipv6-extension.ts'
import type { IcmpErrorSender } from '../icmp-error-sender.ts'
import type { InterfaceParts } from '../interface-parts.ts'
import { createReceivedPacket, type ReceivedPacket } from '../received-packet.ts'
import {
  type DatagramAssembly,
  type Fragment,
  PART_OFFSET,
  Placement,
} from './datagram-assembly.ts'
import { ReassemblyTable } from './reassembly-table.ts'

const MAX_DATAGRAM_LENGTH = 65_535
/** Codepoints of the two ECN bits, as bits of a set (RFC 3168 §5). */
const SEEN_NOT_ECT = 1 << 0
const SEEN_CE = 1 << 3
const CONGESTION_EXPERIENCED = 3

export class Reassembler {
  readonly table: ReassemblyTable
  private readonly parts: InterfaceParts
  private readonly errors: IcmpErrorSender
  /**
   * Made when first used, for the sake of boot time: the datagram that is handed on, and one that
   * is given up.
   */
  private frame: ReceivedFrame | null = null
  private expired: ReceivedPacket | null = null
  private readonly fragment: Fragment
  private readonly chain = createExtensionChain()

  constructor(parts: InterfaceParts, packet: ReceivedPacket, errors: IcmpErrorSender) {
    this.parts = parts
    this.errors = errors
    this.table = new ReassemblyTable(parts.counters, parts.deadline, parts.reassemblyBytes)
    this.fragment = { frame: packet.frame, start: 0, offset: 0, length: 0, isLast: false }
  }

  /**
   * Takes a fragment of IPv4, `packet` filled in but for the transport's place. The datagram when
   * it is whole: then the packet describes it until `release`.
   */
  addIpv4(packet: ReceivedPacket, header: Ipv4Header, nowMs: number): DatagramAssembly | null {
    const { fragment, parts } = this
    const { headerLength } = header
    const { networkOffset } = packet
    fragment.frame = packet.frame
    fragment.start = networkOffset + headerLength
    fragment.offset = (header.flagsAndOffset & 0x1fff) << 3
    fragment.length = header.totalLength - headerLength
    fragment.isLast = (header.flagsAndOffset & IPV4_MORE_FRAGMENTS) === 0
    if (
      headerLength + fragment.offset + fragment.length > MAX_DATAGRAM_LENGTH ||
      !isPossible(fragment)
    ) {
      parts.counters.fragmentMalformed++
      return null
    }
    const assembly = this.table.open(packet, header.protocol, header.identification, nowMs)
    if (!this.add(assembly, packet)) return null
    if (fragment.offset === 0) {
      this.keepFirst(assembly, packet, header.protocol, headerLength)
      this.keepHeader(assembly, packet, networkOffset, headerLength, PART_OFFSET - headerLength)
    }
    if (!assembly.isComplete) return null
    // The first fragment's header may be longer than that of the others.
    if (assembly.headerLength + assembly.partLength > MAX_DATAGRAM_LENGTH) {
      parts.counters.fragmentMalformed++
      this.table.remove(assembly)
      return null
    }
    this.finishIpv4(assembly)
    return this.present(assembly, packet, assembly.headerLength)
  }

  /**
   * The same for IPv6; `chain` is what its headers said. The packet's chain is to be walked anew.
   */
  addIpv6(packet: ReceivedPacket, chain: ExtensionChain, nowMs: number): DatagramAssembly | null {
    const { fragment, parts } = this
    fragment.frame = packet.frame
    fragment.start = chain.transportOffset
    fragment.offset = chain.fragmentOffset
    fragment.length = chain.transportLength
    fragment.isLast = !chain.moreFragments
    if (!isPossible(fragment)) {
      parts.counters.fragmentMalformed++
      return null
    }
    const assembly = this.table.open(packet, 0, chain.fragmentIdentification, nowMs)
    if (!this.add(assembly, packet)) return null
    if (fragment.offset === 0) {
      const headers = IPV6_HEADER_LENGTH + FRAGMENT_HEADER_LENGTH
      this.keepFirst(assembly, packet, chain.protocol, headers)
      this.keepIpv6Header(assembly, packet, chain.transportOffset)
    }
    if (!assembly.isComplete) return null
    this.finishIpv6(assembly)
    return this.present(assembly, packet, IPV6_HEADER_LENGTH)
  }

  /** The datagram handed out has been dealt with. */
  release(assembly: DatagramAssembly): void {
    this.table.remove(assembly)
  }

  /** Gives up what did not become whole in time. */
  processTimers(nowMs: number): void {
    const { table, parts } = this
    while (table.nextDeadlineMs <= nowMs) {
      const assembly = table.active[0]!
      if (!assembly.isAbandoned) {
        parts.counters.reassemblyTimeout++
        // "If the first fragment … has been received, an ICMP Time Exceeded … should be sent".
        if (assembly.headerLength > 0) this.reportTimeout(assembly, nowMs)
      }
      table.remove(assembly)
    }
  }

  /** True when the fragment was stored; the datagram is gone when it cannot be one. */
  private add(assembly: DatagramAssembly, packet: ReceivedPacket): boolean {
    const { fragment, table } = this
    const { bulk, counters } = this.parts
    counters.fragmentsReceived++
    if (assembly.isAbandoned) {
      counters.fragmentUnwanted++
      return false
    }
    const placement = assembly.judge(fragment, bulk)
    if (placement === Placement.Duplicate) {
      counters.fragmentDuplicate++
      return false
    }
    const codepoints = assembly.ecnCodepoints | (1 << packet.ecn)
    // RFC 3168 §5.3: of CE and Not-ECT together nothing right can be made.
    const isMixed = (codepoints & SEEN_CE) !== 0 && (codepoints & SEEN_NOT_ECT) !== 0
    if (placement === Placement.Conflict || isMixed) {
      counters.reassemblyConflict++
      this.abandon(assembly)
      return false
    }
    const missing = assembly.countMissingPages(fragment.offset, fragment.length)
    if (missing > 0 && !table.makeRoom(assembly, missing)) return false
    assembly.store(fragment, bulk, table.pool)
    assembly.ecnCodepoints = codepoints
    if (packet.toGroup) assembly.toGroup = true
    return true
  }

  /**
   * RFC 5722 §4: "all fragments (including those not yet received) MUST be silently discarded". Not
   * so in IPv4, whose identifications come again too soon to remember them.
   */
  private abandon(assembly: DatagramAssembly): void {
    if (assembly.source.version === 4) {
      this.table.remove(assembly)
      return
    }
    assembly.isAbandoned = true
    assembly.releasePages(this.table.pool)
  }

  private keepFirst(
    assembly: DatagramAssembly,
    packet: ReceivedPacket,
    protocol: number,
    headerLength: number,
  ): void {
    assembly.protocol = protocol
    assembly.headerLength = headerLength
    assembly.firstLength = this.fragment.length
    assembly.firstEcn = packet.ecn
    assembly.hopLimit = packet.hopLimit
    assembly.linkSourceHigh = packet.linkSourceHigh
    assembly.linkSourceLow = packet.linkSourceLow
  }

  /**
   * IPv6 and fragment header, as if nothing had been between them: what else there was has been
   * dealt with.
   */
  private keepIpv6Header(assembly: DatagramAssembly, packet: ReceivedPacket, part: number): void {
    const fragmentHeader = PART_OFFSET - FRAGMENT_HEADER_LENGTH
    const network = fragmentHeader - IPV6_HEADER_LENGTH
    this.keepHeader(assembly, packet, packet.networkOffset, IPV6_HEADER_LENGTH, network)
    const source = part - FRAGMENT_HEADER_LENGTH
    this.keepHeader(assembly, packet, source, FRAGMENT_HEADER_LENGTH, fragmentHeader)
    const { view } = assembly.firstPage().buffer
    const payloadLength = FRAGMENT_HEADER_LENGTH + assembly.firstLength
    view.setUint16(network + IPV6_PAYLOAD_LENGTH_OFFSET, payloadLength)
    view.setUint8(network + IPV6_NEXT_HEADER_OFFSET, IpProtocol.Fragment)
  }

  /** Copies octets of the frame's headers to `target` in the first page. */
  private keepHeader(
    assembly: DatagramAssembly,
    packet: ReceivedPacket,
    source: number,
    length: number,
    target: number,
  ): void {
    const { bytes } = packet.frame.fragments[0]!.buffer
    this.parts.bulk.copy(assembly.firstPage().buffer.bytes, target, bytes, source, length)
  }

  /**
   * RFC 791 §3.2: the first fragment's header, with the length of the whole and no fragment fields.
   */
  private finishIpv4(assembly: DatagramAssembly): void {
    const { bytes, view } = assembly.firstPage().buffer
    const { headerLength } = assembly
    const network = PART_OFFSET - headerLength
    view.setUint16(network + IPV4_TOTAL_LENGTH_OFFSET, headerLength + assembly.partLength)
    view.setUint16(network + IPV4_FRAGMENT_OFFSET, 0)
    view.setUint16(network + IPV4_CHECKSUM_OFFSET, 0)
    const sum = this.parts.bulk.checksum(bytes, network, headerLength, 0)
    view.setUint16(network + IPV4_CHECKSUM_OFFSET, ~sum & 0xffff)
  }

  /** RFC 8200 §4.5: the fragment header goes, and the header before it names what follows. */
  private finishIpv6(assembly: DatagramAssembly): void {
    const { bytes, view } = assembly.firstPage().buffer
    const network = PART_OFFSET - IPV6_HEADER_LENGTH
    const before = network - FRAGMENT_HEADER_LENGTH
    bytes.copyWithin(network, before, before + IPV6_HEADER_LENGTH)
    view.setUint16(network + IPV6_PAYLOAD_LENGTH_OFFSET, assembly.partLength)
    view.setUint8(network + IPV6_NEXT_HEADER_OFFSET, assembly.protocol)
  }

  private present(
    assembly: DatagramAssembly,
    packet: ReceivedPacket,
    headerLength: number,
  ): DatagramAssembly {
    const { counters } = this.parts
    this.frame ??= createReceivedFrame()
    const { frame } = this
    assembly.describe(frame, headerLength, assembly.partLength)
    counters.datagramsReassembled++
    packet.frame = frame
    packet.protocol = assembly.protocol
    packet.toGroup = assembly.toGroup
    packet.ecn =
      (assembly.ecnCodepoints & SEEN_CE) === 0 ? assembly.firstEcn : CONGESTION_EXPERIENCED
    packet.hopLimit = assembly.hopLimit
    packet.linkSourceHigh = assembly.linkSourceHigh
    packet.linkSourceLow = assembly.linkSourceLow
    packet.networkOffset = PART_OFFSET - headerLength
    packet.networkLength = headerLength + assembly.partLength
    packet.transportOffset = PART_OFFSET
    packet.transportLength = assembly.partLength
    packet.hasFragmentHeader = true
    return assembly
  }

  /** The message quotes the first fragment. */
  private reportTimeout(assembly: DatagramAssembly, nowMs: number): void {
    this.expired ??= createReceivedPacket()
    const packet = this.expired
    const { headerLength, firstLength } = assembly
    assembly.describe(packet.frame, headerLength, firstLength)
    packet.ipVersion = assembly.source.version
    setAddress(packet.source, assembly.source)
    setAddress(packet.destination, assembly.destination)
    packet.toGroup = assembly.toGroup
    packet.linkSourceHigh = assembly.linkSourceHigh
    packet.linkSourceLow = assembly.linkSourceLow
    packet.networkOffset = PART_OFFSET - headerLength
    packet.networkLength = headerLength + firstLength
    packet.protocol = assembly.protocol
    packet.transportOffset = PART_OFFSET
    packet.transportLength = firstLength
    if (assembly.source.version === 6) this.findUpperLayer(packet)
    this.errors.sendReassemblyTimeExceeded(packet, nowMs)
  }

  /**
   * Whether it is an ICMPv6 error, about which none is sent, stands behind the extension headers.
   */
  private findUpperLayer(packet: ReceivedPacket): void {
    const { chain } = this
    const first = packet.frame.fragments[0]!
    const { networkOffset } = packet
    const contiguous = first.offset + first.length - networkOffset
    const length = packet.networkLength - IPV6_HEADER_LENGTH
    if (!skipExtensionHeaders(first.buffer.view, networkOffset, contiguous, length, chain)) return
    packet.protocol = chain.protocol
    packet.transportOffset = chain.transportOffset
    packet.transportLength = chain.transportLength
  }
}

/**
 * Without octets, or in the middle with a number of them that 8 does not divide, there is no place
 * for it.
 */
function isPossible({ length, isLast }: Fragment): boolean {
  return length > 0 && (isLast || (length & 7) === 0)
}
