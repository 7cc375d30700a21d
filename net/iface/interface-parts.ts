/**
 * What the parts of one interface share: wired once by Interface, handed to each part's
 * constructor.
 */

import type { NetDevice } from '../phy/net-device.ts'
import type { BulkOperations } from '../storage/buffer.ts'
import type { AddressTable } from './address-table.ts'
import type { EarliestDeadline } from './earliest-deadline.ts'
import type { Fragmenter } from './fragments/fragmenter.ts'
import type { HostAddresses } from './host-addresses.ts'
import type { InterfaceCounters } from './interface-counters.ts'
import type { InternalPort } from './internal-link.ts'
import type { LinkParameters } from './link-parameters.ts'
import type { NeighborCache } from './neighbor-cache.ts'
import type { PathMtuCache } from './path-mtu-cache.ts'
import type { RandomSource } from './random-source.ts'
import type { RouteTable } from './route-table.ts'
import type { TaskSchedule } from './task-schedule.ts'

export interface InterfaceParts {
  readonly device: NetDevice
  /** Its number among the interfaces of the host, from 0 on. */
  readonly index: number
  /** Where packets to ourselves go: one for the host, as the next. */
  readonly internal: InternalPort
  readonly hostAddresses: HostAddresses
  /** An address of another interface of the host is as good here as one of this. */
  readonly isWeak: boolean
  readonly bulk: BulkOperations
  readonly random: RandomSource
  readonly counters: InterfaceCounters
  readonly addresses: AddressTable
  readonly routes: RouteTable
  readonly neighbors: NeighborCache
  readonly link: LinkParameters
  readonly tasks: TaskSchedule
  /** The earliest of what the parts do by time: each notes its own there. */
  readonly deadline: EarliestDeadline
  readonly pathMtus: PathMtuCache
  readonly fragmenter: Fragmenter
  /** Our own hardware address in words. */
  readonly hardwareHigh: number
  readonly hardwareLow: number
  /** Bytes of a frame that holds one packet of the link's MTU, without a VLAN tag. */
  readonly maxFrameLength: number
  /** Memory for datagrams that arrive in fragments; what the table says when undefined. */
  readonly reassemblyBytes?: number | undefined
}
