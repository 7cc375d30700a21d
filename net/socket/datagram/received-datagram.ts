/**
 * A received datagram as a socket's user sees it: one record a socket, reused for every datagram.
 */
import { type AddressRecord, createAddressRecord } from '../../wire/ip-address.ts'

export interface ReceivedDatagram {
  /** The payload is bytes[offset, offset + length), until the datagram is consumed. */
  bytes: Uint8Array
  offset: number
  length: number
  /** Overwritten with the next datagram, as is `destination`. */
  readonly source: AddressRecord
  /** 0 = the sender expects no answer, or the protocol has no ports. */
  sourcePort: number
  readonly destination: AddressRecord
  /** The interface that it came by. */
  interfaceIndex: number
  /** It was sent to a multicast or broadcast address. */
  toGroup: boolean
  /** What was left of it. */
  hopLimit: number
  /** DSCP in the upper six bits, ECN in the lower two. */
  trafficClass: number
}

export function createReceivedDatagram(): ReceivedDatagram {
  return {
    bytes: new Uint8Array(0),
    offset: 0,
    length: 0,
    source: createAddressRecord(),
    sourcePort: 0,
    destination: createAddressRecord(),
    interfaceIndex: 0,
    toGroup: false,
    hopLimit: 0,
    trafficClass: 0,
  }
}
