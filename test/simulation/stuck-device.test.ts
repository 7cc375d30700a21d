/** A host whose only interface takes nothing: what waits for it, and for how long. */
import { expect, it } from 'vitest'
import { SEND_HOLD_MS } from '../../net/socket/datagram/send-queue.ts'
import { TwoStacks } from './two-stacks.ts'

/** A group has no neighbor that would be asked meanwhile whether it is there. */
const GROUP = '239.1.2.3'

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
