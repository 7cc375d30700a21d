/** Looking before the processor halts: longer while it finds work, not at all while it does not. */
import { describe, expect, it } from 'vitest'
import { HaltPoll } from '../../../kernel/halt-poll.ts'

const WORD = { address: 4096, mask: 0xffff, value: 1 }

describe('the poll before a halt', () => {
  it('begins once a halt was short, grows to its bound, and ends with a few long halts', () => {
    const poll = new HaltPoll(400_000)
    expect(poll.windowNs).toBe(0)
    const windows = Array.from({ length: 6 }, () => {
      poll.noteHalt(100_000)
      return poll.windowNs
    })
    expect(windows).toEqual([50_000, 100_000, 200_000, 400_000, 400_000, 400_000])
    const after = Array.from({ length: 5 }, () => {
      poll.noteHalt(400_001)
      return poll.windowNs
    })
    expect(after).toEqual([200_000, 100_000, 50_000, 0, 0])
  })

  it('goes on where a long halt comes behind several short ones, as over a millisecond', () => {
    const poll = new HaltPoll(400_000)
    for (let roundTrip = 0; roundTrip < 10; roundTrip++) {
      for (let frame = 0; frame < 3; frame++) poll.noteHalt(150_000)
      poll.noteHalt(700_000)
    }
    expect(poll.windowNs).toBe(200_000)
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
