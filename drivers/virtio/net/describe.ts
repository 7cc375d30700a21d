/** What a person is shown of the device: the data of the `ready` event. */

import type { InterruptMode, VirtioTransport } from '../transport.ts'
import { type NetQueues, receiveBufferBytes } from './net-queues.ts'
import type { NetSetup } from './net-setup.ts'

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
  /** Pairs of a receive and a transmit queue: those that are used, and those that it has. */
  readonly queuePairs: number
  readonly offeredQueuePairs: number
  /** Of the first pair, as what follows. */
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
  queues: NetQueues,
): VirtioNetDescription {
  const receiveQueue = queues.receive[0]!
  const transmitQueue = queues.transmit[0]!
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
    queuePairs: setup.queuePairs,
    offeredQueuePairs: setup.offeredQueuePairs,
    receiveQueueSize: receiveQueue.size,
    transmitQueueSize: transmitQueue.size,
    receiveBuffers: receiveQueue.slotCount,
    receiveBufferBytes: receiveBufferBytes(setup),
    transmitFrames: transmitQueue.slotCount,
  }
}
