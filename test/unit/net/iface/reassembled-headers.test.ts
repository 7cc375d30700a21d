/**
 * Headers of datagrams that came in fragments, as long as a link with a large MTU carries them: the
 * transport header is where its protocol looks for it, or the datagram is dropped.
 */
import { describe, expect, it } from 'vitest'
import { Stack } from '../../../../net/api/stack.ts'
import { withSoftwareOffload } from '../../../../net/phy/software-offload.ts'
import { FakeDevice } from '../../../support/fake-device.ts'
import { fragmentsOf } from '../../../support/fragments.ts'
import { concat, tcp } from '../../../support/frames.ts'
import { OUR_IPV6, PEER_IPV6 } from '../../../support/interface-harness.ts'
import { createPacketBuffer, testBulk } from '../../../support/memory.ts'
import { createRandomSource } from '../../../support/random.ts'

const SYN = 2
const ROUTING = 43
const LONGEST_HEADER = 2048
/** Of what was fragmented: what the first page has room for. */
const FIRST_PAGE = 4096 - 128
const LONGEST_TCP_HEADER = 60

function openStack() {
  const device = new FakeDevice({ maxTransmissionUnit: 9000 })
  const stack = new Stack({
    devices: [withSoftwareOffload(device, testBulk)],
    allocator: { allocate: createPacketBuffer },
    bulk: testBulk,
    random: createRandomSource(1),
  })
  stack.addAddress(`${OUR_IPV6}/64`, 10_000)
  for (let nowMs = 10_000; nowMs < 15_000; nowMs += 500) stack.poll(nowMs)
  stack.listen({ port: 80 })
  device.takeSent()
  return { device, stack }
}

/** A routing header that has been followed to its end. */
function routing(next: number, length: number): Uint8Array {
  const header = new Uint8Array(length)
  header[0] = next
  header[1] = (length >> 3) - 1
  return header
}

/** A SYN with so many octets of extension headers, in two fragments. */
function fragmentsWith(chain: number): Uint8Array[] {
  const first = routing(ROUTING, LONGEST_HEADER)
  const second = routing(6, chain - LONGEST_HEADER)
  const segment = tcp(PEER_IPV6, OUR_IPV6, SYN, new Uint8Array(6000))
  return fragmentsOf({ version: 6, protocol: ROUTING }, concat(first, second, segment), 8000)
}

function send(chain: number) {
  const { device, stack } = openStack()
  for (const frame of fragmentsWith(chain)) device.inject(frame)
  stack.poll(16_000)
  const { datagramsReassembled, ipv6ChainTooLong } = stack.interface.counters
  expect(datagramsReassembled).toBe(1)
  return { answers: device.takeSent().length, ipv6ChainTooLong }
}

describe('a SYN behind extension headers', () => {
  it('is looked at where the first page of its datagram holds it', () => {
    const chain = FIRST_PAGE - LONGEST_TCP_HEADER - 4
    expect(send(chain)).toEqual({ answers: 1, ipv6ChainTooLong: 0 })
  })

  it.each(Array.from({ length: 8 }, (_, index) => FIRST_PAGE - 8 * index))(
    'is dropped, and counted, behind %i octets of them',
    (chain) => {
      expect(send(chain)).toEqual({ answers: 0, ipv6ChainTooLong: 1 })
    },
  )
})
