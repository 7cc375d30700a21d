/**
 * The blocks of a pcapng file (draft-ietf-opsawg-pcapng), written in network byte order, which the
 * first block declares.
 */

/** What libpcap and Wireshark take as "everything": above any super-segment. */
export const PCAPNG_SNAPLEN = 262_144

const BLOCK_SECTION_HEADER = 0x0a0d0d0a
const BLOCK_INTERFACE_DESCRIPTION = 1
const BLOCK_INTERFACE_STATISTICS = 5
const BLOCK_ENHANCED_PACKET = 6
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const LINKTYPE_ETHERNET = 1

const OPTION_END = 0
const OPTION_COMMENT = 1
const SECTION_OS = 3
const SECTION_APPLICATION = 4
const INTERFACE_NAME = 2
const INTERFACE_DESCRIPTION = 3
const INTERFACE_MAC_ADDRESS = 6
const INTERFACE_TIME_RESOLUTION = 9
const INTERFACE_TIME_OFFSET = 14
const PACKET_FLAGS = 2
const PACKET_DROP_COUNT = 4
const STATISTICS_START = 2
const STATISTICS_END = 3
const STATISTICS_RECEIVED = 4
const STATISTICS_DROPPED = 5
/** if_tsresol: 10^-9 s. */
const NANOSECONDS = 9

/** Offset of the frame in an Enhanced Packet Block. */
export const PACKET_DATA_OFFSET = 28

/** epb_flags, bits 0-1: direction; bits 2-4: reception type. */
export const PacketFlag = {
  Inbound: 1,
  Outbound: 2,
  Unicast: 1 << 2,
  Multicast: 2 << 2,
  Broadcast: 3 << 2,
  Promiscuous: 4 << 2,
} as const

/** Writes text as UTF-8 and returns how many bytes that took. */
export type TextEncoding = (text: string, target: Uint8Array, offset: number) => number

/** Writes blocks into memory, one after the other; `offset` is where the next byte goes. */
export class PcapngBlocks {
  offset = 0
  private bytes: Uint8Array = new Uint8Array(0)
  private view: DataView = new DataView(this.bytes.buffer)
  private start = 0
  private readonly encode: TextEncoding

  constructor(encode: TextEncoding) {
    this.encode = encode
  }

  /** The memory that what follows is written to. */
  aim(bytes: Uint8Array, view: DataView, offset: number): void {
    this.bytes = bytes
    this.view = view
    this.offset = offset
  }

  sectionHeader(os: string, comment: string): void {
    this.begin(BLOCK_SECTION_HEADER)
    this.put32(BYTE_ORDER_MAGIC)
    this.put32((1 << 16) | 0)
    // Section length: "-1 … the size of the section is not specified".
    this.put32(-1)
    this.put32(-1)
    this.text(OPTION_COMMENT, comment)
    this.text(SECTION_OS, os)
    this.text(SECTION_APPLICATION, os)
    this.end()
  }

  /**
   * An Ethernet interface with times in nanoseconds; if_tsoffset is there with 0, so that the host
   * can put in its own.
   */
  interfaceDescription(name: string, description: string, hardwareAddress: Uint8Array): void {
    this.begin(BLOCK_INTERFACE_DESCRIPTION)
    this.put32(LINKTYPE_ETHERNET << 16)
    this.put32(PCAPNG_SNAPLEN)
    this.text(INTERFACE_NAME, name)
    this.text(INTERFACE_DESCRIPTION, description)
    this.option(INTERFACE_MAC_ADDRESS, 6)
    this.bytes.set(hardwareAddress.subarray(0, 6), this.offset)
    this.pad(6)
    this.option(INTERFACE_TIME_RESOLUTION, 1)
    this.bytes[this.offset] = NANOSECONDS
    this.pad(1)
    this.option(INTERFACE_TIME_OFFSET, 8)
    this.put32(0)
    this.put32(0)
    this.end()
  }

  /**
   * Everything of an Enhanced Packet Block but the frame, which the caller puts at
   * PACKET_DATA_OFFSET of the block. `dropped`: frames lost "between this packet and the preceding
   * one".
   */
  packet(
    interfaceIndex: number,
    timeNs: number,
    lengthBytes: number,
    flags: number,
    dropped: number,
    comment: string,
  ): void {
    const { view, bytes } = this
    const start = this.offset
    // Written in one go: a call for each word would cost more than all the rest of recording a
    // small frame.
    view.setUint32(start, BLOCK_ENHANCED_PACKET)
    view.setUint32(start + 8, interfaceIndex)
    view.setUint32(start + 12, timeNs / 0x1_0000_0000)
    view.setUint32(start + 16, timeNs)
    view.setUint32(start + 20, lengthBytes)
    view.setUint32(start + 24, lengthBytes)
    let at = start + PACKET_DATA_OFFSET + lengthBytes
    const padded = (lengthBytes + 3) & ~3
    for (let rest = padded - lengthBytes; rest > 0; rest--) bytes[at++] = 0
    view.setUint32(at, (PACKET_FLAGS << 16) | 4)
    view.setUint32(at + 4, flags)
    this.start = start
    this.offset = at + 8
    if (dropped > 0) {
      this.option(PACKET_DROP_COUNT, 8)
      this.putTime(dropped)
    }
    if (comment !== '') this.text(OPTION_COMMENT, comment)
    this.end()
  }

  interfaceStatistics(
    interfaceIndex: number,
    startNs: number,
    endNs: number,
    { received, dropped, comment }: { received: number; dropped: number; comment: string },
  ): void {
    this.begin(BLOCK_INTERFACE_STATISTICS)
    this.put32(interfaceIndex)
    this.putTime(endNs)
    this.text(OPTION_COMMENT, comment)
    for (const [code, value] of [
      [STATISTICS_START, startNs],
      [STATISTICS_END, endNs],
      [STATISTICS_RECEIVED, received],
      [STATISTICS_DROPPED, dropped],
    ] as const) {
      this.option(code, 8)
      this.putTime(value)
    }
    this.end()
  }

  private begin(type: number): void {
    this.start = this.offset
    this.put32(type)
    this.put32(0)
  }

  /** Ends the options, and writes the length of the block at both of its ends. */
  private end(): void {
    this.option(OPTION_END, 0)
    const lengthBytes = this.offset + 4 - this.start
    this.put32(lengthBytes)
    this.view.setUint32(this.start + 4, lengthBytes)
  }

  private option(code: number, lengthBytes: number): void {
    this.put32((code << 16) | lengthBytes)
  }

  private text(code: number, text: string): void {
    const lengthBytes = this.encode(text, this.bytes, this.offset + 4)
    this.option(code, lengthBytes)
    this.pad(lengthBytes)
  }

  /** Goes on after `lengthBytes` that are in place, "padded to a 32-bit boundary". */
  private pad(lengthBytes: number): void {
    const end = this.offset + lengthBytes
    this.offset = this.start + ((end - this.start + 3) & ~3)
    for (let at = end; at < this.offset; at++) this.bytes[at] = 0
  }

  private put32(value: number): void {
    this.view.setUint32(this.offset, value)
    this.offset += 4
  }

  /** 64 bits of an integer below 2^53. */
  private putTime(value: number): void {
    this.view.setUint32(this.offset, value / 0x1_0000_0000)
    this.view.setUint32(this.offset + 4, value)
    this.offset += 8
  }
}
