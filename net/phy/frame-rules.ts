/**
 * Says which frames are meant by what they begin with, in a form that a device can be asked about
 * many frames at once.
 */
import type { BulkOperations } from '../storage/buffer.ts'
import type { FrameRules } from './net-device.ts'

/** No rule looks at more of a frame. */
export const RULE_BYTES = 58

/** A byte of a frame that must be equal in the bits that the mask has set. */
export interface ByteRule {
  readonly offset: number
  readonly value: number
  /** All bits when absent. */
  readonly mask?: number
}

interface FramePattern {
  readonly pattern: Uint8Array
  readonly mask: Uint8Array
  /** What a frame must have at least to be compared. */
  readonly lengthBytes: number
}

/** A frame is meant when all bytes of one of the alternatives are as they must be. */
export class BeginningRules implements FrameRules {
  readonly patterns: readonly FramePattern[]

  /** Throws RangeError for a byte beyond RULE_BYTES. */
  constructor(alternatives: readonly (readonly ByteRule[])[]) {
    this.patterns = alternatives.map(patternOf)
  }

  /** Whether the frame is meant of which `length` bytes lie at `offset`. */
  mean(bytes: Uint8Array, offset: number, length: number, bulk: BulkOperations): boolean {
    const { patterns } = this
    for (let index = 0; index < patterns.length; index++) {
      const { pattern, mask, lengthBytes } = patterns[index]!
      if (length < lengthBytes) continue
      if (bulk.matches(bytes, offset, pattern, mask, lengthBytes)) return true
    }
    return false
  }
}

function patternOf(bytes: readonly ByteRule[]): FramePattern {
  const pattern = new Uint8Array(RULE_BYTES)
  const mask = new Uint8Array(RULE_BYTES)
  let lengthBytes = 0
  for (const rule of bytes) {
    if (rule.offset >= RULE_BYTES) throw new RangeError(`Cannot look at byte ${rule.offset}`)
    pattern[rule.offset] = rule.value
    mask[rule.offset] = rule.mask ?? 0xff
    lengthBytes = Math.max(lengthBytes, rule.offset + 1)
  }
  return { pattern, mask, lengthBytes }
}
