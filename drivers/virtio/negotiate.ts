/**
 * Which of the offered features a driver takes, and why not the others (virtio 1.4 §2.2, §6). Pure.
 */
import { type Feature, VERSION_1 } from './features.ts'

export interface NegotiationRequest {
  readonly offered: bigint
  /** All features known by name for this device type, with what each requires. */
  readonly known: readonly Feature[]
  /** Names of those the driver makes use of. */
  readonly supported: ReadonlySet<string>
  /** Words of `offload=` that are accepted; null = all. */
  readonly acceptedOffloads: ReadonlySet<string> | null
  /**
   * Reasons of the moment, by feature name: a value in configuration space that makes no sense,
   * say.
   */
  readonly vetoes: ReadonlyMap<string, string>
}

export interface FeatureDecision {
  readonly name: string
  readonly bit: number
  readonly taken: boolean
  /** Why not; empty when taken. */
  readonly reason: string
}

export interface Negotiation {
  readonly accepted: bigint
  readonly acceptedNames: ReadonlySet<string>
  /** One entry for every offered bit, by bit. */
  readonly decisions: readonly FeatureDecision[]
}

const FEATURE_BITS = 128

/**
 * "The driver MUST NOT accept a feature which requires another feature which was not accepted"
 * (§2.2.1), whatever the device offers: QEMU with csum=off still offers HOST_TSO4 and HOST_TSO6.
 */
export function negotiateFeatures(request: NegotiationRequest): Negotiation {
  const refusals = new Map<string, string>()
  const taken = new Map<string, Feature>()
  for (const feature of request.known) {
    if (!isOffered(request.offered, feature.bit)) continue
    const reason = refusalOf(feature, request)
    if (reason === '') taken.set(feature.name, feature)
    else refusals.set(feature.name, reason)
  }
  prune(taken, refusals)
  let accepted = 0n
  for (const feature of taken.values()) accepted |= 1n << BigInt(feature.bit)
  return {
    accepted,
    acceptedNames: new Set(taken.keys()),
    decisions: listDecisions(request, taken, refusals),
  }
}

function refusalOf(feature: Feature, request: NegotiationRequest): string {
  if (!request.supported.has(feature.name)) return 'not used by this driver'
  const { offloadName } = feature
  if (offloadName !== undefined && request.acceptedOffloads?.has(offloadName) === false) {
    return 'switched off by offload='
  }
  return request.vetoes.get(feature.name) ?? ''
}

/** Removes what lacks a requirement until nothing more falls. */
function prune(taken: Map<string, Feature>, refusals: Map<string, string>): void {
  let stable = false
  while (!stable) {
    stable = true
    for (const feature of taken.values()) {
      const missing = feature.requires?.find((anyOf) => !anyOf.some((name) => taken.has(name)))
      if (missing === undefined) continue
      taken.delete(feature.name)
      refusals.set(feature.name, explainMissing(missing, refusals))
      stable = false
    }
  }
}

function explainMissing(anyOf: readonly string[], refusals: ReadonlyMap<string, string>): string {
  const names = anyOf.join(' or ')
  const offered = anyOf.find((name) => refusals.has(name))
  if (offered === undefined) return `requires ${names}, which the device does not offer`
  const why = refusals.get(offered)!
  return why === 'switched off by offload='
    ? `requires ${names}, which is switched off by offload=`
    : `requires ${names}, which was refused (${why})`
}

function listDecisions(
  request: NegotiationRequest,
  taken: ReadonlyMap<string, Feature>,
  refusals: ReadonlyMap<string, string>,
): FeatureDecision[] {
  const byBit = new Map(request.known.map((feature) => [feature.bit, feature]))
  const decisions: FeatureDecision[] = []
  for (let bit = 0; bit < FEATURE_BITS; bit++) {
    if (!isOffered(request.offered, bit)) continue
    const feature = byBit.get(bit)
    if (feature === undefined) {
      decisions.push({ name: `bit ${bit}`, bit, taken: false, reason: 'unknown to this driver' })
      continue
    }
    const { name } = feature
    decisions.push({ name, bit, taken: taken.has(name), reason: refusals.get(name) ?? '' })
  }
  return decisions
}

export function isOffered(features: bigint, bit: number): boolean {
  return ((features >> BigInt(bit)) & 1n) === 1n
}

export function acceptsVersion1(negotiation: Negotiation): boolean {
  return negotiation.acceptedNames.has(VERSION_1)
}
