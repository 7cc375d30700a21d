/**
 * Feature negotiation: a closed set, and a reason for everything not taken (virtio 1.4 §2.2,
 * §5.1.3.1).
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isOffered, negotiateFeatures } from '../../../../drivers/virtio/negotiate.ts'
import {
  KNOWN_FEATURES,
  OFFLOAD_NAMES,
  SUPPORTED_FEATURES,
} from '../../../../drivers/virtio/net/features.ts'

const BITS = new Map(KNOWN_FEATURES.map((feature) => [feature.name, feature.bit]))
const ALL =
  'CSUM GUEST_CSUM MTU MAC GUEST_TSO4 GUEST_TSO6 GUEST_ECN HOST_TSO4 HOST_TSO6 HOST_ECN MRG_RXBUF STATUS INDIRECT_DESC EVENT_IDX VERSION_1'

function negotiate(
  names: string,
  acceptedOffloads: readonly string[] | null = null,
  vetoes: ReadonlyMap<string, string> = new Map(),
) {
  const offered = names
    .split(' ')
    .reduce((mask, name) => mask | (1n << BigInt(BITS.get(name)!)), 0n)
  const result = negotiateFeatures({
    offered,
    known: KNOWN_FEATURES,
    supported: SUPPORTED_FEATURES,
    acceptedOffloads: acceptedOffloads === null ? null : new Set(acceptedOffloads),
    vetoes,
  })
  const refused = result.decisions.filter((it) => !it.taken)
  return {
    taken: [...result.acceptedNames].sort().join(' '),
    refused: Object.fromEntries(refused.map((it) => [it.name, it.reason])),
    accepted: result.accepted,
  }
}

describe('the network features', () => {
  it('are all taken when all are offered', () => {
    const { taken, refused } = negotiate(ALL)
    expect(taken).toBe(ALL.split(' ').sort().join(' '))
    expect(refused).toEqual({})
  })

  it('of segmentation fall without CSUM, as QEMU offers them with csum=off', () => {
    const { taken, refused } = negotiate('HOST_TSO4 HOST_TSO6 HOST_ECN MAC VERSION_1')
    expect(taken).toBe('MAC VERSION_1')
    expect(refused).toEqual({
      HOST_TSO4: 'requires CSUM, which the device does not offer',
      HOST_TSO6: 'requires CSUM, which the device does not offer',
      HOST_ECN:
        'requires HOST_TSO4 or HOST_TSO6, which was refused (requires CSUM, which the device does not offer)',
    })
  })

  it('of coalescing fall without GUEST_CSUM, as QEMU offers them with guest_csum=off', () => {
    const { taken, refused } = negotiate('CSUM HOST_TSO4 GUEST_TSO4 GUEST_TSO6 GUEST_ECN VERSION_1')
    expect(taken).toBe('CSUM HOST_TSO4 VERSION_1')
    expect(Object.keys(refused).sort()).toEqual(['GUEST_ECN', 'GUEST_TSO4', 'GUEST_TSO6'])
  })

  it('keep ECN as long as one of the two versions is segmented', () => {
    expect(negotiate('CSUM HOST_TSO6 HOST_ECN VERSION_1').taken).toBe(
      'CSUM HOST_ECN HOST_TSO6 VERSION_1',
    )
  })

  it('named in offload= are the only offloads taken, what must be there stays', () => {
    const { taken, refused } = negotiate(ALL, ['csum', 'tso4'])
    expect(taken).toBe('CSUM HOST_TSO4 MAC MTU STATUS VERSION_1')
    expect(refused.HOST_TSO6).toBe('switched off by offload=')
    expect(refused.EVENT_IDX).toBe('switched off by offload=')
    expect(refused.HOST_ECN).toBe('switched off by offload=')
  })

  it('depending on one that offload= leaves out say so', () => {
    const { taken, refused } = negotiate(ALL, ['tso4', 'guest_tso6'])
    expect(taken).toBe('MAC MTU STATUS VERSION_1')
    expect(refused.HOST_TSO4).toBe('requires CSUM, which is switched off by offload=')
    expect(refused.GUEST_TSO6).toBe('requires GUEST_CSUM, which is switched off by offload=')
  })

  it('shrink to the minimum with offload=none', () => {
    expect(negotiate(ALL, []).taken).toBe('MAC MTU STATUS VERSION_1')
  })

  it('that this driver has no use for are refused by name, unknown bits too', () => {
    const result = negotiateFeatures({
      offered: (1n << 32n) | (1n << 14n) | (1n << 20n) | (1n << 49n) | (1n << 100n),
      known: KNOWN_FEATURES,
      supported: SUPPORTED_FEATURES,
      acceptedOffloads: null,
      vetoes: new Map(),
    })
    expect(result.accepted).toBe(1n << 32n)
    expect(result.decisions.map((it) => [it.name, it.reason])).toEqual([
      ['HOST_UFO', 'not used by this driver'],
      ['CTRL_RX_EXTRA', 'not used by this driver'],
      ['VERSION_1', ''],
      ['bit 49', 'unknown to this driver'],
      ['bit 100', 'unknown to this driver'],
    ])
  })

  it('with a veto are refused for its reason', () => {
    const vetoes = new Map([['MTU', '67 is not between 68 and 65535']])
    expect(negotiate(ALL, null, vetoes).refused).toEqual({ MTU: '67 is not between 68 and 65535' })
  })

  it('are a closed subset of what is offered, whatever is offered and accepted', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: 0n, max: (1n << 72n) - 1n }),
        fc.option(fc.subarray([...OFFLOAD_NAMES]), { nil: null }),
        (offered, accepted) => {
          const result = negotiateFeatures({
            offered,
            known: KNOWN_FEATURES,
            supported: SUPPORTED_FEATURES,
            acceptedOffloads: accepted === null ? null : new Set(accepted),
            vetoes: new Map(),
          })
          expect(result.accepted & ~offered).toBe(0n)
          for (const feature of KNOWN_FEATURES) {
            if (!isOffered(result.accepted, feature.bit)) continue
            for (const anyOf of feature.requires ?? []) {
              expect(anyOf.some((name) => result.acceptedNames.has(name))).toBe(true)
            }
          }
          for (const decision of result.decisions)
            expect(decision.taken).toBe(decision.reason === '')
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('OFFLOAD_NAMES', () => {
  it('are the words of the command line', () => {
    expect([...OFFLOAD_NAMES].sort()).toEqual([
      'csum',
      'event_idx',
      'guest_csum',
      'guest_ecn',
      'guest_tso4',
      'guest_tso6',
      'guest_uso4',
      'guest_uso6',
      'host_ecn',
      'indirect_desc',
      'mrg_rxbuf',
      'ring_packed',
      'tso4',
      'tso6',
      'uso',
    ])
  })
})
