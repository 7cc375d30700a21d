/** Datagrams, groups, pings and raw IP for applications, over two stacks on a simulated link. */
import { describe, expect, it } from 'vitest'
import { DeliveryError } from '../../../../net/api/delivery-error.ts'
import { LEFT_V4, LEFT_V6, RIGHT_V4, RIGHT_V6, TwoStacks } from '../../../simulation/two-stacks.ts'

async function run<T>(stacks: TwoStacks, work: Promise<T>, limitMs = 60_000): Promise<T> {
  let isDone = false
  const watched = work.finally(() => {
    isDone = true
  })
  watched.catch(() => {})
  await stacks.settle(() => isDone, limitMs)
  return watched
}

const bytes = Uint8Array.of(1, 2, 3)

describe.each([
  [LEFT_V4, RIGHT_V4],
  [LEFT_V6, RIGHT_V6],
])('between %s and %s', (left, right) => {
  const group = right.includes(':') ? 'ff05::1234' : '239.1.2.3'

  it('an endpoint with one peer is refused where nobody listens (RFC 1122 §4.1.3.3)', async () => {
    const stacks = new TwoStacks()
    const endpoint = await stacks.left.connectDatagram({ hostname: right, port: 9 })
    await run(stacks, endpoint.send(bytes))
    const refusal = await run(
      stacks,
      endpoint.receive().catch((error: unknown) => error),
    )
    expect(refusal).toBeInstanceOf(DeliveryError)
    expect(refusal).toMatchObject({ code: 'refused', hostname: right, port: 9, reporter: right })
    expect((refusal as Error).message).toBe(
      `A packet to ${right} port 9 was refused: nobody there takes it (reported by ${right})`,
    )
    // The next call rejects when nobody waits, and the one after it does not.
    await run(stacks, endpoint.send(bytes))
    stacks.runFor(100)
    await expect(endpoint.send(bytes)).rejects.toMatchObject({ code: 'refused' })
    await run(stacks, endpoint.send(bytes))
  })

  it('an endpoint with one peer hears that one only, and names nobody to send to it', async () => {
    const stacks = new TwoStacks()
    const server = stacks.right.listenDatagram({ port: 7 })
    const stranger = stacks.right.listenDatagram({ port: 8 })
    const client = await stacks.left.connectDatagram({ hostname: right, port: 7, localPort: 4000 })
    await run(stacks, client.send(bytes))
    const [, from] = await run(stacks, server.receive())
    expect(from).toEqual({ hostname: left, port: 4000 })
    await run(stacks, stranger.send(Uint8Array.of(9), from))
    await run(stacks, server.send(Uint8Array.of(8), from))
    const [received] = await run(stacks, client.receive())
    expect([...received]).toEqual([8])
    await expect(client.send(bytes, { hostname: right, port: 8 })).rejects.toThrow('another peer')
    await expect(server.send(bytes)).rejects.toThrow('says not to whom')
    const wrong = stacks.left.connectDatagram({ hostname: right, port: 0 })
    await expect(wrong).rejects.toThrow(RangeError)
  })

  it('an endpoint that asks for them is told of errors, with whom they concern', async () => {
    const stacks = new TwoStacks()
    const endpoint = stacks.left.listenDatagram({ port: 0 })
    const quiet = stacks.left.listenDatagram({ port: 0 })
    const errors: DeliveryError[] = []
    endpoint.onError = (error) => errors.push(error)
    await run(stacks, endpoint.send(bytes, { hostname: right, port: 9 }))
    await run(stacks, quiet.send(bytes, { hostname: right, port: 9 }))
    stacks.runFor(100)
    expect(errors).toHaveLength(1)
    expect(errors[0]).toMatchObject({ code: 'refused', hostname: right, port: 9, mtuBytes: 0 })
    await run(stacks, quiet.send(bytes, { hostname: right, port: 9 }))
  })

  it('members of a group get what is sent to it, with the address it was sent to', async () => {
    const stacks = new TwoStacks()
    const member = stacks.right.listenDatagram({ port: 7 })
    const picky = stacks.right.listenDatagram({ port: 8 })
    member.joinGroup(group)
    picky.joinGroup(group, { except: [left] })
    const sender = stacks.left.listenDatagram({ port: 4000, groupHopLimit: 5, trafficClass: 0xb8 })
    for (const port of [7, 8]) await run(stacks, sender.send(bytes, { hostname: group, port }))
    const [received, from, details] = await run(stacks, member.receive())
    expect([[...received], from.hostname]).toEqual([[1, 2, 3], left])
    expect(details).toEqual({
      ...{ localAddress: group, interface: 0, toGroup: true, hopLimit: 5, trafficClass: 0xb8 },
    })
    const next = picky.receive()
    picky.joinGroup(group, { sources: [left] })
    await run(stacks, sender.send(Uint8Array.of(4), { hostname: group, port: 8 }))
    expect([...(await run(stacks, next))[0]]).toEqual([4])
    picky.leaveGroup(group)
    expect(() => member.joinGroup(left)).toThrow(RangeError)
    expect(() => member.joinGroup(group, { sources: [], except: [] })).toThrow(TypeError)
  })

  it('a ping tells its time, and ends when nothing comes back', async () => {
    const stacks = new TwoStacks({ delayMs: 7 })
    const reply = await run(stacks, stacks.left.ping(right, { lengthBytes: 100 }))
    expect(reply).toMatchObject({ hostname: right, hopLimit: 64, lengthBytes: 100 })
    expect(reply.roundTripMs).toBeGreaterThanOrEqual(14)
    expect(reply.roundTripMs).toBeLessThan(20)
    const many = await run(
      stacks,
      Promise.all(Array.from({ length: 20 }, () => stacks.left.ping(right))),
    )
    expect(many).toHaveLength(20)
    stacks.link.options.loss = 1
    const lost = stacks.left.ping(right, { timeoutMs: 300 })
    await expect(run(stacks, lost)).rejects.toMatchObject({ code: 'timeout' })
    await expect(stacks.left.ping('192.0.2.9')).rejects.toMatchObject({ code: 'unreachable' })
    await expect(stacks.left.ping(right, { hopLimit: 0 })).rejects.toThrow(RangeError)
    await expect(stacks.left.ping('example')).rejects.toThrow('no name server is known')
  })

  it('raw IP is carried both ways, and refused where nobody takes the protocol', async () => {
    const stacks = new TwoStacks()
    const there = stacks.right.openRaw({ protocol: 253 })
    const here = stacks.left.openRaw({ protocol: 253, hopLimit: 3 })
    await run(stacks, here.send(bytes, right))
    const [payload, from, details] = await run(stacks, there.receive())
    expect([[...payload], from]).toEqual([[1, 2, 3], left])
    expect(details).toMatchObject({ localAddress: right, hopLimit: 3, toGroup: false })
    const errors: DeliveryError[] = []
    here.onError = (error) => errors.push(error)
    there.close()
    await expect(there.receive()).rejects.toMatchObject({ code: 'closed' })
    stacks.runFor(10)
    await run(stacks, here.send(new Uint8Array(8), right))
    stacks.runFor(100)
    expect(errors).toMatchObject([{ code: 'refused', hostname: right, port: 0 }])
    expect(() => stacks.left.openRaw({ protocol: 6 })).toThrow(RangeError)
  })
})

it('broadcasts reach the other side when they are asked for', async () => {
  const stacks = new TwoStacks()
  const server = stacks.right.listenDatagram({ port: 7 })
  const client = stacks.left.listenDatagram({ port: 0 })
  const to = { hostname: '255.255.255.255', port: 7 }
  await expect(client.send(bytes, to)).rejects.toMatchObject({ code: 'not-permitted' })
  client.configure({ broadcast: true })
  await run(stacks, client.send(bytes, to))
  const [received, , details] = await run(stacks, server.receive())
  expect([[...received], details.localAddress]).toEqual([[1, 2, 3], '255.255.255.255'])
})
