/**
 * An address that goes, as a lease that is over takes it: connections on it end with an error,
 * others go on (RFC 2131 §4.4.5).
 */
import { describe, expect, it } from 'vitest'
import { parseIpAddress } from '../../../../net/wire/ip-address-text.ts'
import { LEFT_V4, RIGHT_V4, RIGHT_V6, TwoStacks } from '../../../simulation/two-stacks.ts'

function takeAddress(stacks: TwoStacks, text: string): void {
  const { interface: iface } = stacks.left
  const entry = iface.addresses.find(parseIpAddress(text)!)!
  iface.removeAddress(entry, stacks.clock.nowMs)
}

describe('an address that goes', () => {
  it('ends its connections at once, and nothing leaves from it any more; those on others go on', async () => {
    const stacks = new TwoStacks()
    stacks.right.listen({ port: 7 }, async (stream) => {
      const buffer = new Uint8Array(100)
      for (
        let count = await stream.read(buffer);
        count !== null;
        count = await stream.read(buffer)
      ) {
        await stream.write(buffer.subarray(0, count))
      }
    })
    const opening = Promise.all([
      stacks.left.connect({ hostname: RIGHT_V4, port: 7 }),
      stacks.left.connect({ hostname: RIGHT_V6, port: 7 }),
    ])
    let isOpen = false
    void opening.then(() => {
      isOpen = true
    })
    await stacks.settle(() => isOpen, 1_000)
    const [lost, kept] = await opening
    let code = ''
    const reading = lost.read(new Uint8Array(10)).catch((error: { code: string }) => {
      code = error.code
    })
    let sentFromIt = 0
    stacks.link.observer = (from, frame) => {
      const isOurs = from === stacks.link.left && frame[12] === 8 && frame[13] === 0
      if (isOurs && frame.subarray(26, 30).join('.') === LEFT_V4) sentFromIt++
    }
    takeAddress(stacks, LEFT_V4)
    await stacks.settle(() => code !== '', 10)
    await reading
    expect(code).toBe('unreachable')
    expect(stacks.left.tcp.connectionCount).toBe(1)
    let echoed = 0
    void kept.write(Buffer.from('x')).then(async () => {
      echoed = (await kept.read(new Uint8Array(10))) ?? 0
    })
    await stacks.settle(() => echoed === 1, 1_000)
    stacks.runFor(5_000)
    expect(sentFromIt).toBe(0)
  })

  it('is no longer what datagrams to a known peer are sent from', () => {
    const stacks = new TwoStacks()
    const sources: string[] = []
    stacks.link.observer = (from, frame) => {
      if (from !== stacks.link.left || frame[12] !== 8 || frame[23] !== 17) return
      sources.push(frame.subarray(26, 30).join('.'))
    }
    const socket = stacks.left.openUdpSocket({ port: 9 })
    const peer = parseIpAddress(RIGHT_V4)!
    const send = () => {
      socket.send(peer, 9, new Uint8Array(4), 0, 4)
      stacks.runFor(100)
    }
    send()
    stacks.left.addAddress('10.0.0.77/24', stacks.clock.nowMs)
    takeAddress(stacks, LEFT_V4)
    send()
    send()
    expect(sources[0]).toBe(LEFT_V4)
    expect(sources.slice(1)).toContain('10.0.0.77')
    expect(sources.slice(1)).not.toContain(LEFT_V4)
  })
})
