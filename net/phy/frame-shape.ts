/** How frames look that have one layout: what is to be seen by one comparison of their headers. */
import { IpProtocol } from '../wire/ipv4.ts'
import { TCP_DATA_OFFSET_OFFSET, TCP_FLAGS_OFFSET, TcpFlag } from '../wire/tcp.ts'
import type { RunLayout } from './net-device.ts'
import { IPV4_TRANSPORT } from './run-layouts.ts'

export interface FrameShape {
  readonly layout: RunLayout
  readonly isVouchedFor: boolean
  readonly leastLength: number
  readonly headerLength: number
  /** What the bits of the headers are that the mask has set. */
  readonly pattern: Uint8Array
  readonly mask: Uint8Array
}

/** TCP behind a plain IP header, with ACK and, of the other flags, those in `freeFlags` at most. */
export function tcpShape(
  layout: RunLayout,
  tcpLength: number,
  freeFlags: number,
  isVouchedFor: boolean,
  leastLength: number,
): FrameShape {
  const { headerLength } = layout
  const pattern = new Uint8Array(headerLength)
  const mask = new Uint8Array(headerLength)
  const expect = (at: number, value: number, bits = 0xff) => {
    pattern[at] = value
    mask[at] = bits
  }
  const transport = headerLength - tcpLength
  if (transport === IPV4_TRANSPORT) {
    expect(12, 0x08)
    expect(13, 0)
    expect(14, 0x45)
    // A fragment is no whole segment.
    expect(20, 0, 0x3f)
    expect(21, 0)
    expect(23, IpProtocol.Tcp)
  } else {
    expect(12, 0x86)
    expect(13, 0xdd)
    expect(14, 0x60, 0xf0)
    expect(20, IpProtocol.Tcp)
  }
  expect(transport + TCP_DATA_OFFSET_OFFSET, tcpLength << 2, 0xf0)
  expect(transport + TCP_FLAGS_OFFSET, TcpFlag.Ack, 0xff & ~freeFlags)
  return { layout, headerLength, isVouchedFor, leastLength, pattern, mask }
}
