/** A host whose only interface takes nothing: what waits for it, and for how long. */
import { expect, it } from 'vitest'
import { SEND_HOLD_MS } from '../../net/socket/datagram/send-queue.ts'
import { RIGHT_V4, TwoStacks } from './two-stacks.ts'

/** A group has no neighbor that would be asked meanwhile whether it is there. */
const GROUP = '239.1.2.3'
const BYTES = 1_000_000

it('datagrams wait five seconds for a device that takes none, and none longer', async () => {
  const stacks = new TwoStacks()
  const sink = stacks.right.listenDatagram({ port: 9 })
  sink.joinGroup(GROUP)
  const endpoint = stacks.left.listenDatagram({ port: 4000 })
  const heard: number[] = []
  const listen = async () => {
    for await (const [bytes] of sink) heard.push(bytes[0]!)
  }
  listen()
  const send = (text: number) => endpoint.send(Uint8Array.of(text), { hostname: GROUP, port: 9 })
  const settle = async (promise: Promise<unknown>) => {
    let isSettled = false
    promise.then(() => {
      isSettled = true
    })
    await stacks.settle(() => isSettled, 60_000)
  }
  await settle(send(0))
  stacks.runFor(1_000)
  stacks.link.left.isStuck = true
  await settle(send(1))
  stacks.runFor(SEND_HOLD_MS - 100)
  stacks.link.left.isStuck = false
  stacks.link.left.onEvent?.()
  stacks.runFor(100)
  stacks.link.left.isStuck = true
  await settle(send(2))
  stacks.runFor(SEND_HOLD_MS + 100)
  expect(stacks.left.udp.statistics.drops.interfaceFull).toBe(1)
  stacks.link.left.isStuck = false
  await settle(send(3))
  stacks.runFor(1_000)
  await settle(Promise.resolve())
  expect(heard).toEqual([0, 1, 3])
})

it('connections of a host with itself go on beside one that waits for its device', async () => {
  const stacks = new TwoStacks()
  const { left, right, link } = stacks
  const isPrompt = (promise: Promise<unknown>) => {
    let isSettled = false
    promise.then(() => {
      isSettled = true
    })
    return stacks.settle(() => isSettled, 5_000)
  }
  right.listen({ port: 7 })
  const outward = left.connect({ hostname: RIGHT_V4, port: 7 })
  await isPrompt(outward)
  let received = 0
  left.listen({ port: 8 }, async (stream) => {
    const chunk = new Uint8Array(65_536)
    for (let count = await stream.read(chunk); count !== null; count = await stream.read(chunk)) {
      received += count
    }
  })
  const inward = left.connect({ hostname: '127.0.0.1', port: 8 })
  await isPrompt(inward)
  link.left.isStuck = true
  ;(await outward).write(new Uint8Array(BYTES)).catch(() => {})
  stacks.runFor(10)
  await isPrompt((await inward).write(new Uint8Array(BYTES)))
  await stacks.settle(() => received === BYTES, 5_000)
})
