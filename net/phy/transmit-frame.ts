/** The record behind TransmitFrame, as devices written in this folder make it. */
import type { PacketBuffer, PayloadOwner } from '../storage/buffer.ts'
import type { TransmitFrame } from './net-device.ts'
import type { PacketMeta } from './offload.ts'

export interface MutableTransmitFrame extends TransmitFrame {
  header: PacketBuffer
  headerOffset: number
}

export function createPacketMeta(): PacketMeta {
  return {
    segmentationOffloadSize: 0,
    ipVersion: 0,
    checksumStart: 0,
    checksumOffset: 0,
    congestionWindowReduced: false,
  }
}

export function createTransmitFrame(
  header: PacketBuffer,
  headerOffset: number,
): MutableTransmitFrame {
  return {
    header,
    headerOffset,
    headerLength: 0,
    payload0: null,
    payload0Offset: 0,
    payload0Length: 0,
    payload1: null,
    payload1Offset: 0,
    payload1Length: 0,
    owner: null as PayloadOwner | null,
    meta: createPacketMeta(),
  }
}

/** The state acquireTransmit promises: no payload, no owner, nothing asked of the device. */
export function resetTransmitFrame(frame: TransmitFrame): void {
  frame.headerLength = 0
  frame.payload0 = null
  frame.payload0Offset = 0
  frame.payload0Length = 0
  frame.payload1 = null
  frame.payload1Offset = 0
  frame.payload1Length = 0
  frame.owner = null
  const meta = frame.meta
  meta.segmentationOffloadSize = 0
  meta.ipVersion = 0
  meta.checksumStart = 0
  meta.checksumOffset = 0
  meta.congestionWindowReduced = false
}
