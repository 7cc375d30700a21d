/**
 * Path MTUs by destination: only ever lowered, shared, forgotten after ten minutes, bounded (RFC
 * 1191, RFC 8201, RFC 4821).
 */
import { describe, expect, it } from 'vitest'
import { createInterfaceCounters } from '../../../../net/iface/interface-counters.ts'
import {
  MAX_PATH_MTUS,
  PATH_MTU_LIFETIME_MS,
  PathMtuCache,
} from '../../../../net/iface/path-mtu-cache.ts'
import { arpReply, harness, open, send, setUpHarness } from '../../../support/flow-lab.ts'
import { icmpv4, ipv4, tcp } from '../../../support/frames.ts'
import * as lab from '../../../support/interface-harness.ts'
import { address, OUR_IPV4, PEER_IPV4, PEER_MAC } from '../../../support/interface-harness.ts'
import { createRandomSource } from '../../../support/random.ts'

const peer = address(PEER_IPV4)
const counters = createInterfaceCounters()
const create = (): PathMtuCache => new PathMtuCache(counters, createRandomSource(3))

describe('the cache', () => {
  it('lowers and never raises (RFC 8201 §4), and forgets after ten minutes', () => {
    const cache = create()
    cache.lower(peer, 1400, false, 0)
    cache.lower(peer, 1450, false, 1_000)
    expect(cache.find(peer, 1_000)).toMatchObject({ mtu: 1400, expiresMs: PATH_MTU_LIFETIME_MS })
    cache.lower(peer, 1300, false, 1_000)
    cache.lower(peer, 1300, true, 2_000)
    expect(cache.find(peer, 600_000)).toMatchObject({ mtu: 1300, mayFragment: true })
    expect(cache.find(peer, 602_000)).toBeNull()
    expect(cache.entries).toHaveLength(0)
  })

  it('holds 256 destinations: the one not asked for longest makes room', () => {
    const cache = create()
    const nth = (index: number) => address(`10.1.${index >> 8}.${index & 0xff}`)
    for (let index = 0; index < MAX_PATH_MTUS; index++) cache.lower(nth(index), 1400, false, index)
    cache.find(nth(0), 1_000)
    for (let index = 0; index < 1_000; index++) {
      cache.lower(nth(1_000 + index), 1400, false, 2_000 + index)
      cache.find(nth(0), 2_000 + index)
    }
    expect(cache.entries).toHaveLength(MAX_PATH_MTUS)
    expect(counters).toMatchObject({ pathMtuEvicted: 1_000 })
    expect(cache.find(nth(0), 3_000)).not.toBeNull()
    expect(cache.find(nth(1), 3_000)).toBeNull()
  })
})

describe('a flow', () => {
  setUpHarness()

  function tooBig(mtu: number, destination = PEER_IPV4): Uint8Array {
    const quote = ipv4(
      { source: OUR_IPV4, destination, protocol: 6, totalLength: 1500 },
      tcp(OUR_IPV4, destination, 16),
    )
    const fields = { source: '10.0.0.1', destination: OUR_IPV4, protocol: 1 }
    return lab.fromPeer(0x800, ipv4(fields, icmpv4(3, 4, mtu, quote)))
  }

  it('takes over what another learned, if that knew the packet in question', () => {
    const flow = open(PEER_IPV4)
    send(flow)
    harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
    harness.deliver(tooBig(1300))
    // Nobody said that the packet was its own.
    expect(open(PEER_IPV4).pathMtu).toBe(1500)
    harness.tcp.processError = (error) => {
      error.isProven = true
    }
    harness.deliver(tooBig(1300))
    expect(open(PEER_IPV4).pathMtu).toBe(1300)
    expect(open('10.0.0.77').pathMtu).toBe(1500)
    expect(flow.pathMtu).toBe(1500)
    send(flow)
    expect(flow.pathMtu).toBe(1300)
    harness.deliver(tooBig(1400))
    send(flow)
    expect(flow.pathMtu).toBe(1300)
    harness.advance(PATH_MTU_LIFETIME_MS)
    send(flow)
    expect(flow.pathMtu).toBe(1500)
  })

  it.each([0, 1, 67, 68, 551])(
    'goes without DF and in packets of 552 when a router says %i (corpus 72)',
    (mtu) => {
      harness.tcp.processError = (error) => {
        error.isProven = true
      }
      const flow = open(PEER_IPV4)
      send(flow)
      harness.deliver(arpReply(PEER_MAC, PEER_IPV4))
      harness.deliver(tooBig(mtu))
      const isWithDf = (): boolean => {
        send(flow)
        const { bytes } = harness.device.takeSent().at(-1)!
        return (bytes[20]! & 0x40) !== 0
      }
      expect(isWithDf()).toBe(false)
      expect(flow.pathMtu).toBe(552)
      harness.advance(PATH_MTU_LIFETIME_MS)
      expect(isWithDf()).toBe(true)
      expect(flow.pathMtu).toBe(1500)
    },
  )
})
