/** Looking before the processor halts: longer while it finds work, not at all while it does not. */
import { describe, expect, it } from 'vitest'
import { HaltPoll } from '../../../kernel/halt-poll.ts'

const WORD = { address: 4096, mask: 0xffff, value: 1 }

describe('the poll before a halt', () => {
  it('begins once a halt was short, grows to its bound, and ends with the first long halt', () => {
    const poll = new HaltPoll(400_000)
    expect(poll.windowNs).toBe(0)
    const windows = Array.from({ length: 6 }, () => {
      poll.noteHalt(100_000)
      return poll.windowNs
    })
    expect(windows).toEqual([50_000, 100_000, 200_000, 400_000, 400_000, 400_000])
    poll.noteHalt(400_001)
    expect(poll.windowNs).toBe(0)
  })

  it('costs an idle guest nothing: halts longer than the bound never begin it', () => {
    const poll = new HaltPoll(400_000)
    for (let halts = 0; halts < 1000; halts++) {
      poll.noteHalt(1_000_000)
      expect(poll.windowNs).toBe(0)
    }
  })

  it('never begins when its bound is 0', () => {
    const poll = new HaltPoll(0)
    poll.noteHalt(0)
    poll.noteHalt(1)
    expect(poll.windowNs).toBe(0)
  })

  it('lets the processor halt once when a word has changed and nobody has taken what that was for', () => {
    const poll = new HaltPoll()
    expect(poll.isStuckAt(WORD)).toBe(false)
    poll.noteHit(WORD)
    expect(poll.isStuckAt(WORD)).toBe(true)
    expect(poll.isStuckAt(WORD)).toBe(false)
    poll.noteHit(WORD)
    expect(poll.isStuckAt({ ...WORD, value: 2 })).toBe(false)
  })
})
