/** A received datagram as a socket's user sees it: one record a socket, reused for every datagram. */

export interface ReceivedDatagram {
  /** The payload is bytes[offset, offset + length), until the datagram is consumed. */
  bytes: Uint8Array
  offset: number
  length: number
  ipVersion: 4 | 6
  /** Int32 words; IPv4 uses word 3 only. */
  source0: number
  source1: number
  source2: number
  source3: number
  /** 0 = the sender expects no answer. */
  sourcePort: number
  destination0: number
  destination1: number
  destination2: number
  destination3: number
  /** It was sent to a multicast or broadcast address. */
  toGroup: boolean
}

export function createReceivedDatagram(): ReceivedDatagram {
  return {
    bytes: new Uint8Array(0),
    offset: 0,
    length: 0,
    ipVersion: 4,
    source0: 0,
    source1: 0,
    source2: 0,
    source3: 0,
    sourcePort: 0,
    destination0: 0,
    destination1: 0,
    destination2: 0,
    destination3: 0,
    toGroup: false,
  }
}
