/** Makes paths as copies of blank ones, which is less than half of what making each field costs. */
import type { BulkOperations } from '../storage/buffer.ts'
import { createAddressRecord, type IpAddress } from '../wire/ip-address.ts'
import { ORDINARY_FIELDS } from './flow-fields.ts'
import { FlowPath } from './flow-path.ts'
import { PathIdentifications } from './path-identifications.ts'
import type { FlowFields } from './protocol-handler.ts'
import type { RandomSource } from './random-source.ts'

export class PathFactory {
  private readonly bulk: BulkOperations
  private readonly identifications: PathIdentifications
  /** Of each family and protocol. None is ever used, nor changed. */
  private readonly blanks = new Map<number, FlowPath>()

  constructor(random: RandomSource, bulk: BulkOperations) {
    this.bulk = bulk
    this.identifications = new PathIdentifications(random, bulk)
  }

  /** Its interface and device are left to the caller. */
  make(
    source: IpAddress,
    destination: IpAddress,
    protocol: number,
    mtu: number,
    fields: FlowFields,
  ): FlowPath {
    const { version } = destination
    const blank = this.blankOf(version, protocol)
    const identification = this.nextIdentification(version)
    return blank.copyBetween(this.bulk, source, destination, mtu, identification, fields)
  }

  /** Another path like `model`, which was never used: to the same peer, resolved as it is. */
  copy(model: FlowPath): FlowPath {
    return model.copyAsMade(this.bulk, this.nextIdentification(model.ipVersion))
  }

  /** IPv6 has none. */
  private nextIdentification(ipVersion: 4 | 6): number {
    return ipVersion === 4 ? this.identifications.next() : 0
  }

  private blankOf(ipVersion: 4 | 6, protocol: number): FlowPath {
    const key = (protocol << 1) | (ipVersion === 6 ? 1 : 0)
    let blank = this.blanks.get(key)
    if (blank === undefined) {
      const address = createAddressRecord(ipVersion)
      blank = new FlowPath(address, address, protocol, 0, 0, ORDINARY_FIELDS)
      this.blanks.set(key, blank)
    }
    return blank
  }
}
