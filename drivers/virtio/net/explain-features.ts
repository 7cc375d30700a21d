/**
 * Of every feature that was offered or is missed: taken or not, what it means, and why (virtio 1.4
 * §5.1.3). Pure.
 */
import { type FeatureText, featureTexts } from './feature-texts.ts'

/** As the `ready` event and /stats tell them. */
export interface FeatureFacts {
  readonly offered: readonly string[]
  readonly negotiated: readonly string[]
  /** Features offered and not taken, with the reason that negotiation gave. */
  readonly refused: Readonly<Record<string, string>>
}

export interface FeatureExplanation {
  readonly feature: string
  readonly state: 'negotiated' | 'refused' | 'not offered'
  readonly meaning: string
  readonly reason: string
}

/**
 * What a back end can do only with a vnet header in front of its frames: without one QEMU offers
 * none of them.
 */
const NEED_VNET_HEADER: readonly string[] = [
  'CSUM',
  'HOST_TSO4',
  'HOST_TSO6',
  'HOST_ECN',
  'GUEST_CSUM',
  'GUEST_TSO4',
  'GUEST_TSO6',
  'GUEST_ECN',
]
/** What makes the guest fast, by importance. */
const WANTED: readonly string[] = [...NEED_VNET_HEADER, 'MRG_RXBUF', 'EVENT_IDX', 'INDIRECT_DESC']
const NO_VNET_HEADER =
  'the back end has no vnet header (user-mode networking never has one), so QEMU offers no checksum or ' +
  'segmentation offload: use NET=tap'
const SWITCHED_OFF = 'left out of offload= on the kernel command line'

/** Wanted features first, by importance; the others in the order they were offered in. */
export function explainFeatures(facts: FeatureFacts): FeatureExplanation[] {
  const texts = featureTexts()
  const others = facts.offered.filter((feature) => !WANTED.includes(feature))
  return [...WANTED, ...others].map((feature) => {
    const text = texts[feature]
    const meaning = text?.[0] ?? 'a feature that is newer than this driver'
    return { feature, meaning, ...judge(feature, facts, text) }
  })
}

/**
 * One line on the wanted features that are missing, those of one cause together; null when all are
 * there.
 */
export function summarizeMissing(facts: FeatureFacts): string | null {
  const byReason = new Map<string, string[]>()
  for (const feature of WANTED) {
    // Only wanted features are looked at, and those have no text of why they are never used.
    const { state, reason } = judge(feature, facts, undefined)
    if (state === 'negotiated') continue
    const features = byReason.get(reason)
    if (features === undefined) byReason.set(reason, [feature])
    else features.push(feature)
  }
  if (byReason.size === 0) return null
  return [...byReason].map(([reason, features]) => `no ${features.join(' ')}: ${reason}`).join('; ')
}

function judge(
  feature: string,
  facts: FeatureFacts,
  text: FeatureText | undefined,
): Pick<FeatureExplanation, 'state' | 'reason'> {
  if (facts.negotiated.includes(feature)) {
    return { state: 'negotiated', reason: 'the device offers it and this driver uses it' }
  }
  if (facts.offered.includes(feature)) {
    return { state: 'refused', reason: refusal(facts.refused[feature] ?? '', text) }
  }
  return { state: 'not offered', reason: absence(feature, facts) }
}

/** The words of negotiation (negotiate.ts) with what they mean to a person. */
function refusal(reason: string, text: FeatureText | undefined): string {
  if (reason === 'not used by this driver') return text?.[1] ?? reason
  if (reason === 'switched off by offload=') return SWITCHED_OFF
  if (reason === 'unknown to this driver') return 'what this driver does not know it must not take'
  const required = /^requires (.*), which (the device does not offer|is switched off)/.exec(reason)
  if (required === null) return reason
  const names = required[1]!
  const cause = required[2] === 'is switched off' ? 'is left out of offload=' : 'was not offered'
  if (names === 'CSUM')
    return `useless without CSUM, which ${cause}: each cut packet needs a checksum`
  if (names === 'GUEST_CSUM') {
    return `useless without GUEST_CSUM, which ${cause}: coalesced frames come without a checksum`
  }
  return `useless without ${names}, which ${cause}`
}

/**
 * The likely cause: what else is offered tells a back end that cannot from a switch at the device.
 */
function absence(feature: string, facts: FeatureFacts): string {
  if (NEED_VNET_HEADER.includes(feature)) {
    const hasVnetHeader = NEED_VNET_HEADER.some((name) => facts.offered.includes(name))
    if (!hasVnetHeader) return NO_VNET_HEADER
  }
  // QEMU's properties are named after the features.
  return `the device does not offer it; QEMU does so unless it is given ${feature.toLowerCase()}=off`
}
