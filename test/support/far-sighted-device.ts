/** A fake device that tells of the frames to come, as the driver of a real one does. */
import { BeginningRules } from '../../net/phy/frame-rules.ts'
import type { FrameLookahead, FrameRules } from '../../net/phy/net-device.ts'
import { FakeDevice } from './fake-device.ts'
import { testBulk } from './memory.ts'

export class FarSightedDevice extends FakeDevice implements FrameLookahead {
  readonly lookahead = this
  readonly queueIndex = 0

  upcoming(rules: FrameRules): number {
    if (!(rules instanceof BeginningRules)) throw new Error('Cannot compare with other rules')
    let count = 0
    for (const bytes of this.waiting()) {
      if (!rules.mean(bytes, 0, bytes.length, testBulk)) break
      count++
    }
    return count
  }

  skip(count: number): void {
    this.drop(count)
  }
}
