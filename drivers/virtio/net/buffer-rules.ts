/** Rules about frames as HalBulk.countMatching has them: about the buffers that they lie in. */
import type { FrameRules } from '../../../net/phy/net-device.ts'

/** What HalBulk.countMatching compares: `num_buffers`, and the beginning of the frame. */
const MATCHED_BYTES = 64

/** A frame in more than one buffer is never meant; `num_buffers` is there with `mergeable` only. */
export function buildRuleTable({ patterns }: FrameRules, mergeable: boolean): Uint8Array {
  const table = new Uint8Array(patterns.length * 2 * MATCHED_BYTES)
  for (const [index, { pattern, mask }] of patterns.entries()) {
    const at = index * 2 * MATCHED_BYTES
    table[at] = 1
    table.fill(mergeable ? 0xff : 0, at + MATCHED_BYTES, at + MATCHED_BYTES + 2)
    table.set(pattern, at + 2)
    table.set(mask, at + MATCHED_BYTES + 2)
  }
  return table
}
