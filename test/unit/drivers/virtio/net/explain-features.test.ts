/**
 * The offload explainer: a text for every known feature, and the right cause for each way one can
 * be missing.
 */
import { describe, expect, it } from 'vitest'
import { negotiateFeatures } from '../../../../../drivers/virtio/negotiate.ts'
import {
  explainFeatures,
  type FeatureExplanation,
  type FeatureFacts,
  summarizeMissing,
} from '../../../../../drivers/virtio/net/explain-features.ts'
import { featureTexts } from '../../../../../drivers/virtio/net/feature-texts.ts'
import { KNOWN_FEATURES, SUPPORTED_FEATURES } from '../../../../../drivers/virtio/net/features.ts'

const PLAIN = ['MAC', 'MRG_RXBUF', 'STATUS', 'CTRL_VQ', 'INDIRECT_DESC', 'EVENT_IDX', 'VERSION_1']
const SEGMENTATION = ['HOST_TSO4', 'HOST_TSO6', 'HOST_ECN']
const COALESCING = ['GUEST_TSO4', 'GUEST_TSO6', 'GUEST_ECN']
const TAP = [...PLAIN, 'CSUM', 'GUEST_CSUM', ...SEGMENTATION, ...COALESCING]

/** What negotiation makes of an offer, in the form of the ready event. */
function negotiate(
  names: readonly string[],
  offload: readonly string[] | null = null,
  vetoes: readonly (readonly [string, string])[] = [],
): FeatureFacts {
  let offered = 0n
  for (const { name, bit } of KNOWN_FEATURES) if (names.includes(name)) offered |= 1n << BigInt(bit)
  const { decisions } = negotiateFeatures({
    offered,
    known: KNOWN_FEATURES,
    supported: SUPPORTED_FEATURES,
    acceptedOffloads: offload === null ? null : new Set(offload),
    vetoes: new Map(vetoes),
  })
  return {
    offered: decisions.map(({ name }) => name),
    negotiated: decisions.filter(({ taken }) => taken).map(({ name }) => name),
    refused: Object.fromEntries(
      decisions.filter(({ taken }) => !taken).map(({ name, reason }) => [name, reason]),
    ),
  }
}

function entry(facts: FeatureFacts, feature: string): FeatureExplanation {
  const found = explainFeatures(facts).filter((it) => it.feature === feature)
  expect(found, feature).toHaveLength(1)
  return found[0]!
}

describe('the texts', () => {
  const texts = featureTexts()

  it('cover every known feature and no other', () => {
    expect(Object.keys(texts).sort()).toEqual(KNOWN_FEATURES.map(({ name }) => name).sort())
  })

  it.each(KNOWN_FEATURES.map(({ name }) => name))(
    'say what %s means, and why it is left out where it is',
    (name) => {
      const [meaning, unused] = texts[name]!
      expect(meaning).toMatch(/^\S.*\s\S.*[^.\s]$/)
      if (SUPPORTED_FEATURES.has(name)) expect(unused).toBeUndefined()
      else expect(unused).toMatch(/^\S.*\s\S.*[^.\s]$/)
    },
  )
})

describe('explainFeatures', () => {
  it('has one entry for every offered feature and every one that matters, in words', () => {
    for (const names of [TAP, PLAIN, [], KNOWN_FEATURES.map(({ name }) => name)]) {
      const facts = negotiate(names)
      const entries = explainFeatures(facts)
      const features = entries.map(({ feature }) => feature)
      expect(new Set(features).size).toBe(features.length)
      expect(features).toEqual(expect.arrayContaining([...facts.offered, 'CSUM', 'HOST_TSO4']))
      for (const { feature, state, meaning, reason } of entries) {
        expect(meaning, feature).toMatch(/\w+ \w+/)
        expect(reason, feature).toMatch(/\w+ \w+/)
        expect(state, feature).toBe(
          facts.negotiated.includes(feature)
            ? 'negotiated'
            : facts.offered.includes(feature)
              ? 'refused'
              : 'not offered',
        )
      }
    }
  })

  it('begins with what makes the guest fast', () => {
    const features = explainFeatures(negotiate(TAP)).map(({ feature }) => feature)
    expect(features.slice(0, 3)).toEqual(['CSUM', 'HOST_TSO4', 'HOST_TSO6'])
  })

  it('says what segmentation is good for to somebody who never heard of it', () => {
    expect(entry(negotiate(TAP), 'HOST_TSO4')).toMatchObject({
      state: 'negotiated',
      meaning: expect.stringContaining('cuts 64 KiB frames into packets'),
    })
  })

  it('names the missing vnet header and the way out when a back end offers no offload at all', () => {
    for (const feature of ['CSUM', 'GUEST_CSUM', ...SEGMENTATION, ...COALESCING]) {
      const { state, reason } = entry(negotiate(PLAIN), feature)
      expect(state).toBe('not offered')
      expect(reason).toMatch(/no vnet header.*user-mode networking.*use NET=tap/)
    }
  })

  it('names the property of QEMU when a back end offers other offloads', () => {
    const facts = negotiate(TAP.filter((name) => name !== 'HOST_TSO6'))
    expect(entry(facts, 'HOST_TSO6').reason).toMatch(/host_tso6=off$/)
    expect(entry(facts, 'HOST_TSO6').reason).not.toContain('vnet')
    // No vnet header is needed for these, so that its lack explains nothing.
    const bare = negotiate(['VERSION_1'])
    expect(entry(bare, 'MRG_RXBUF').reason).toMatch(/mrg_rxbuf=off$/)
    expect(entry(bare, 'EVENT_IDX').reason).toMatch(/event_idx=off$/)
  })

  it('says that segmentation is useless without CSUM, which QEMU with csum=off does not offer (§5.1.3.1)', () => {
    const facts = negotiate(TAP.filter((name) => name !== 'CSUM'))
    expect(entry(facts, 'CSUM').reason).toMatch(/csum=off$/)
    for (const feature of ['HOST_TSO4', 'HOST_TSO6']) {
      expect(entry(facts, feature)).toMatchObject({
        state: 'refused',
        reason: 'useless without CSUM, which was not offered: each cut packet needs a checksum',
      })
    }
    expect(entry(facts, 'HOST_ECN').reason).toContain('HOST_TSO4 or HOST_TSO6')
    const deaf = negotiate(TAP.filter((name) => name !== 'GUEST_CSUM'))
    expect(entry(deaf, 'GUEST_TSO4').reason).toMatch(/^useless without GUEST_CSUM, which was not/)
  })

  it('names offload= for what the command line left out, and for what falls with it', () => {
    const facts = negotiate(TAP, ['tso4', 'guest_csum', 'guest_tso6'])
    expect(entry(facts, 'CSUM').reason).toBe('left out of offload= on the kernel command line')
    expect(entry(facts, 'HOST_TSO4').reason).toMatch(/^useless without CSUM, which is left out of/)
    expect(entry(facts, 'GUEST_TSO6').state).toBe('negotiated')
  })

  it('keeps the reason of a value that makes no sense', () => {
    const facts = negotiate([...TAP, 'MTU'], null, [['MTU', '12 is not between 68 and 65535']])
    expect(entry(facts, 'MTU').reason).toBe('12 is not between 68 and 65535')
  })

  it('says of an unknown bit that it is newer than the driver', () => {
    const facts: FeatureFacts = {
      offered: ['VERSION_1', 'bit 99'],
      negotiated: ['VERSION_1'],
      refused: { 'bit 99': 'unknown to this driver' },
    }
    expect(entry(facts, 'bit 99')).toEqual({
      feature: 'bit 99',
      state: 'refused',
      meaning: 'a feature that is newer than this driver',
      reason: 'what this driver does not know it must not take',
    })
  })
})

describe('summarizeMissing', () => {
  it('has nothing to say when all that matters is there', () => {
    expect(summarizeMissing(negotiate(TAP))).toBeNull()
  })

  it('says in one line what is missing and why, one cause once', () => {
    const line = summarizeMissing(negotiate(PLAIN))!
    expect(line).toMatch(/^no CSUM HOST_TSO4 .*: .*no vnet header.*use NET=tap$/)
    expect(line).not.toContain('\n')
    expect(line.match(/vnet/g)).toHaveLength(1)
    expect(summarizeMissing(negotiate(TAP.filter((name) => name !== 'CSUM')))).toMatch(
      /^no CSUM: .*csum=off; no HOST_TSO4 HOST_TSO6: useless without CSUM/,
    )
  })
})
