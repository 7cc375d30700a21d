/** Hands TCP segments in a row to a device that writes all their headers at once. */
import { ONE_BY_ONE } from '../phy/net-device.ts'
import { TcpSeries } from '../phy/tcp-series.ts'
import { ETHERNET_HEADER_LENGTH } from '../wire/ethernet.ts'
import { IPV4_IDENTIFICATION_OFFSET } from '../wire/ipv4.ts'
import type { FlowPath } from './flow-path.ts'

const IDENTIFICATION = ETHERNET_HEADER_LENGTH + IPV4_IDENTIFICATION_OFFSET

export class SeriesEgress {
  private readonly ipv4 = new TcpSeries(true, false)
  private readonly ipv6 = new TcpSeries(false, false)

  /** See Egress.submitSeries. */
  submit(path: FlowPath, length: number, count: number): number {
    const { tx, record, identification, identifications } = path
    if (tx.submitSeries === undefined) return ONE_BY_ONE
    let series = this.ipv6
    if (path.ipVersion === 4) {
      series = this.ipv4
      const { header } = record
      // The checksum is written together with those of the others.
      header[IDENTIFICATION] = identification >> 8
      header[IDENTIFICATION + 1] = identification
    }
    series.describe(path.headerLength, length, count, identifications)
    const sent = tx.submitSeries(record, series)
    if (sent <= 0) return sent
    path.identification = (identification + sent * identifications) & 0xffff
    path.parts.counters.framesSent += sent
    return sent
  }
}
