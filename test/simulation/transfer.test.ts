/** Two full stacks over a seeded link: every byte arrives once and in order, in bounded time, and nothing is left behind. */
import { describe, expect, it } from 'vitest'
import { randomBytes, transfer } from './transfer.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from './two-stacks.ts'

const NOTHING = new Uint8Array(0)

describe('a transfer', () => {
  it('works', () => {
    const stacks = new TwoStacks()
    const bytes = randomBytes(100_000, 1)
    const { client, server } = transfer(stacks, RIGHT_V4, bytes, NOTHING, 60_000)
    expect(client.error).toBeNull()
    expect(server.error).toBeNull()
    expect(server.receivedLength).toBe(bytes.length)
    expect(Buffer.compare(server.received, bytes)).toBe(0)
    expect(RIGHT_V6).toBe('fd00::2')
  })
})
