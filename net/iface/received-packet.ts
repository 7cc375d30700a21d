/**
 * The record that ingress fills for each packet: what transports see, and what the interface itself
 * needs beyond.
 */
import { createReceivedFrame } from '../phy/received-frame.ts'
import { createAddressRecord } from '../wire/ip-address.ts'
import type { IncomingPacket } from './protocol-handler.ts'

export interface ReceivedPacket extends IncomingPacket {
  /** IP packet in bytes, link padding excluded. */
  networkLength: number
  hopLimit: number
  /** The frame was addressed to a group of stations. */
  linkToGroup: boolean
  /** We have sent it ourselves. */
  isInternal: boolean
  /** Of an IPv6 packet, atomic ones included. */
  hasFragmentHeader: boolean
  /** Offset, from the IPv6 header, of the field that names `protocol`. */
  nextHeaderPointer: number
}

/** For packets that come by the interface with that number. */
export function createReceivedPacket(arrivalIndex = 0): ReceivedPacket {
  return {
    frame: createReceivedFrame(),
    ipVersion: 4,
    protocol: 0,
    source: createAddressRecord(),
    destination: createAddressRecord(),
    interfaceIndex: arrivalIndex,
    arrivalIndex,
    connection: null,
    endsTurn: false,
    toGroup: false,
    ecn: 0,
    transportOffset: 0,
    transportLength: 0,
    networkOffset: 0,
    networkLength: 0,
    hopLimit: 0,
    linkSourceHigh: 0,
    linkSourceLow: 0,
    linkToGroup: false,
    isInternal: false,
    hasFragmentHeader: false,
    nextHeaderPointer: 0,
  }
}
