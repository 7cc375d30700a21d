/** What a person is shown of the device: the data of the `ready` event. */

import type { InterruptMode, VirtioTransport } from '../transport.ts'
import type { Virtqueue } from '../virtqueue.ts'
import { type NetSetup, receiveBufferBytes } from './net-setup.ts'

export interface VirtioNetDescription {
  /** "0000:00:02.0" */
  readonly pciAddress: string
  readonly vendorId: number
  readonly deviceId: number
  /** Feature names as in the specification, by bit: "CSUM", "HOST_TSO4". */
  readonly offered: readonly string[]
  readonly negotiated: readonly string[]
  /** Every feature offered and not taken, with the reason. */
  readonly refused: Readonly<Record<string, string>>
  readonly interruptMode: InterruptMode
  readonly receiveQueueSize: number
  readonly transmitQueueSize: number
  readonly receiveBuffers: number
  readonly receiveBufferBytes: number
  readonly transmitFrames: number
}

export function describeDevice(
  transport: VirtioTransport,
  setup: NetSetup,
  interruptMode: InterruptMode,
  receiveQueue: Virtqueue,
  transmitQueue: Virtqueue,
): VirtioNetDescription {
  const { decisions } = setup.negotiation
  const refused = decisions.filter((it) => !it.taken).map((it) => [it.name, it.reason])
  return {
    pciAddress: transport.address,
    vendorId: transport.vendorId,
    deviceId: transport.deviceId,
    offered: decisions.map((it) => it.name),
    negotiated: decisions.filter((it) => it.taken).map((it) => it.name),
    refused: Object.fromEntries(refused),
    interruptMode,
    receiveQueueSize: receiveQueue.size,
    transmitQueueSize: transmitQueue.size,
    receiveBuffers: receiveQueue.slotCount,
    receiveBufferBytes: receiveBufferBytes(setup),
    transmitFrames: transmitQueue.slotCount,
  }
}
