/** Frames in a row of one TCP connection, as a device that writes their headers takes them. */
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { IPV4_CHECKSUM_OFFSET, IPV4_IDENTIFICATION_OFFSET } from '../wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TCP_SEQUENCE_OFFSET } from '../wire/tcp.ts'
import type { FrameSeries } from './net-device.ts'

const LAYOUT_LENGTH = 8
const IDENTIFICATION_STEP = 7

export class TcpSeries implements FrameSeries {
  readonly layout = new Uint16Array(LAYOUT_LENGTH)
  size = 0
  count = 0
  private readonly isIpv4: boolean
  /** The device leaves the checksum over the text to whoever writes the header. */
  private readonly isSummed: boolean
  /** Where the TCP header begins. */
  private transport = 0

  constructor(isIpv4: boolean, isSummed: boolean) {
    this.isIpv4 = isIpv4
    this.isSummed = isSummed
  }

  /** `packets`: how many identifications a frame takes. */
  describe(transport: number, size: number, count: number, packets: number): void {
    this.size = size
    this.count = count
    const { layout } = this
    layout[IDENTIFICATION_STEP] = packets
    if (transport === this.transport) return
    this.transport = transport
    const ip = ETHERNET_HEADER_LENGTH
    layout[0] = transport + TCP_SEQUENCE_OFFSET
    if (this.isIpv4) {
      layout[1] = ip + IPV4_IDENTIFICATION_OFFSET
      layout[2] = ip
      layout[3] = transport - ip
      layout[4] = ip + IPV4_CHECKSUM_OFFSET
    }
    if (!this.isSummed) return
    layout[5] = transport
    layout[6] = transport + TCP_CHECKSUM_OFFSET
  }
}
