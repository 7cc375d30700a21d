/** fast-check generators for wire values. */
import fc from 'fast-check'
import { type IpAddress, ipv4Address, ipv6Address } from '../../net/wire/ip-address.ts'
import { createTcpHeader, type TcpHeader } from '../../net/wire/tcp.ts'

export const uint8 = fc.integer({ min: 0, max: 0xff })
export const uint16 = fc.integer({ min: 0, max: 0xffff })
/** int32 with the corners of sequence arithmetic made likely. */
export const int32 = fc.oneof(
  fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  fc.constantFrom(0, 1, -1, 0x7fffffff, -0x80000000, -2),
)

export const ipv4: fc.Arbitrary<IpAddress> = int32.map(ipv4Address)
/** IPv6 addresses, runs of zero words included. */
export const ipv6: fc.Arbitrary<IpAddress> = fc
  .array(fc.oneof(int32, fc.constant(0), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 4,
    maxLength: 4,
  })
  .map(([a, b, c, d]) => ipv6Address(a!, b!, c!, d!))
export const ipAddress = fc.oneof(ipv4, ipv6)

export const hardwareAddress = fc.uint8Array({ minLength: 6, maxLength: 6 })

/** Headers whose options fit: at most one SACK block beside everything else. */
export const tcpHeader: fc.Arbitrary<TcpHeader> = fc
  .record({
    sourcePort: uint16,
    destinationPort: uint16,
    sequenceNumber: int32,
    acknowledgmentNumber: int32,
    flags: uint8,
    window: uint16,
    urgentPointer: uint16,
    hasMss: fc.boolean(),
    mss: uint16,
    hasWindowScale: fc.boolean(),
    windowScale: uint8,
    sackPermitted: fc.boolean(),
    hasTimestamps: fc.boolean(),
    timestampValue: int32,
    timestampEcho: int32,
    sackBlocks: fc.array(int32, { minLength: 0, maxLength: 2 }),
  })
  .map(({ sackBlocks, ...fields }) => {
    const header = Object.assign(createTcpHeader(), fields)
    header.sackBlockCount = sackBlocks.length >> 1
    for (let index = 0; index < 2 * header.sackBlockCount; index++) {
      header.sackBlocks[index] = sackBlocks[index]!
    }
    if (!header.hasMss) header.mss = 0
    if (!header.hasWindowScale) header.windowScale = 0
    if (!header.hasTimestamps) header.timestampValue = header.timestampEcho = 0
    return header
  })
