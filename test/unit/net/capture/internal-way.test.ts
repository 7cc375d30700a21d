/** What a host sends to itself, in the capture that it makes: an interface of its own. */
import { decodeFrame } from 'qemu-runner'
import { expect, it } from 'vitest'
import { RIGHT_V4, TwoStacks } from '../../../simulation/two-stacks.ts'
import { readPcapng } from '../../../support/pcapng-reader.ts'
import { StackCapture } from '../../../support/stack-capture.ts'

it('packets to localhost are recorded once each, as on `lo` elsewhere, and others are not among them', async () => {
  let capture: StackCapture | undefined
  const stacks = new TwoStacks({}, {}, (device, clock) => {
    capture = new StackCapture(device, () => clock.nowMs)
    return capture.device
  })
  capture!.comment(stacks.left)
  stacks.left.listen({ port: 7 }, async (stream) => {
    await stream.write(new Uint8Array(100_000))
    stream.close()
  })
  let isDone = false
  const exchange = async () => {
    const stream = await stacks.left.connect({ hostname: '127.0.0.1', port: 7 })
    const target = new Uint8Array(65_536)
    let length = 0
    for (let count = await stream.read(target); count !== null; count = await stream.read(target)) {
      length += count
    }
    stream.close()
    await stacks.left.ping(RIGHT_V4)
    isDone = true
    return length
  }
  const exchanged = exchange()
  await stacks.settle(() => isDone, 60_000)
  expect(await exchanged).toBe(100_000)
  stacks.left.poll(stacks.clock.nowMs)
  const [section] = readPcapng(capture!.channel.file())
  expect(section!.interfaceNames).toEqual(['stack', 'lo'])
  const packets = section!.packets.map(({ bytes, interfaceIndex }) => {
    const frame = { timeMs: 0, length: bytes.length, bytes: Buffer.from(bytes) }
    return { ...decodeFrame(frame), interfaceIndex }
  })
  const own = packets.filter(({ ip }) => ip?.source === '127.0.0.1')
  expect(own.every(({ interfaceIndex }) => interfaceIndex === 1)).toBe(true)
  expect(packets.filter(({ interfaceIndex }) => interfaceIndex === 1)).toEqual(own)
  expect(own.every(({ tcp }) => tcp!.checksum === 'good')).toBe(true)
  expect(own.map(({ tcp }) => [tcp!.syn, tcp!.ack]).slice(0, 3)).toEqual([
    [true, false],
    [true, true],
    [false, true],
  ])
  const octets = own.reduce((sum, { tcp }) => sum + tcp!.payloadLength, 0)
  expect(octets).toBe(100_000)
})
