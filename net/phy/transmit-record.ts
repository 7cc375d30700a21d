/**
 * One outgoing frame as its sender describes it: a record that the sender owns, fills and submits
 * again and again.
 */
import type { PacketBuffer, PayloadOwner, RecordCopier } from '../storage/buffer.ts'
import { NO_OFFLOAD, type PacketMeta } from './offload.ts'

export interface TransmitRecord {
  /**
   * Headers from byte 0 on, Ethernet's first, or a whole small packet. The device copies
   * `headerLength` bytes.
   */
  readonly header: Uint8Array
  readonly view: DataView
  headerLength: number
  /**
   * Bytes that the device copies behind the header: payload that it cannot read where it lies. Only
   * without payload ranges; header and copied bytes together are at most 14 + MTU, or what the
   * device segments. Length 0 = absent.
   */
  copied: Uint8Array | null
  copiedOffset: number
  copiedLength: number
  /**
   * Payload in device-visible memory, gathered from where it lies; the second range only with the
   * first.
   */
  payload0: PacketBuffer | null
  payload0Offset: number
  payload0Length: number
  payload1: PacketBuffer | null
  payload1Offset: number
  payload1Length: number
  /**
   * Whose memory the ranges are; counted up at submit and down at completion. Not null with payload
   * ranges.
   */
  owner: PayloadOwner | null
  /** Never changed once submitted: whoever submits the same object again asks for the same. */
  meta: PacketMeta
  /**
   * Frames of equal hash leave in their order: a device of several queues puts them into one. 32
   * bits, of which any may tell two flows apart: mixed by the device, if it has a use for them.
   */
  flowHash: number
}

export function createTransmitRecord(headerCapacity: number): TransmitRecord {
  const header = new Uint8Array(headerCapacity)
  return {
    header,
    view: new DataView(header.buffer),
    headerLength: 0,
    copied: null,
    copiedOffset: 0,
    copiedLength: 0,
    payload0: null,
    payload0Offset: 0,
    payload0Length: 0,
    payload1: null,
    payload1Offset: 0,
    payload1Length: 0,
    owner: null,
    meta: NO_OFFLOAD,
    flowHash: 0,
  }
}

/** As `blank`, which nothing was written to, with header memory of its own. */
export function copyTransmitRecord(copier: RecordCopier, blank: TransmitRecord): TransmitRecord {
  const header = new Uint8Array(blank.header.length)
  const record: Writable<TransmitRecord> = copier.copyRecord(blank)
  record.header = header
  record.view = new DataView(header.buffer)
  return record
}

type Writable<Kind> = { -readonly [Name in keyof Kind]: Kind[Name] }

/** Bytes of the whole frame, Ethernet header included. */
export function frameLength(record: TransmitRecord): number {
  return record.headerLength + record.copiedLength + record.payload0Length + record.payload1Length
}

/** Names in `to` the payload of `from`. */
export function sharePayload(to: TransmitRecord, from: TransmitRecord): void {
  to.copied = from.copied
  to.copiedOffset = from.copiedOffset
  to.copiedLength = from.copiedLength
  to.payload0 = from.payload0
  to.payload0Offset = from.payload0Offset
  to.payload0Length = from.payload0Length
  to.payload1 = from.payload1
  to.payload1Offset = from.payload1Offset
  to.payload1Length = from.payload1Length
  to.owner = from.owner
}
