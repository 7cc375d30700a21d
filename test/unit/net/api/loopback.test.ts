/**
 * A host that talks to itself, by loopback and by its own addresses: what it sends comes back, and
 * nothing reaches the link.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LEFT_V4, LEFT_V6, RIGHT_V4, RIGHT_V6, TwoStacks } from '../../../simulation/two-stacks.ts'

const BYTES = 1_000_000

let stacks: TwoStacks
let sent = 0
beforeEach(() => {
  stacks = new TwoStacks()
  stacks.runFor(5_000)
  sent = 0
  stacks.link.observer = () => {
    sent++
  }
})
afterEach(() => {
  stacks.runFor(1_000)
  expect(sent, 'frames on the link').toBe(0)
})

async function run<T>(work: Promise<T>, limitMs = 300_000): Promise<T> {
  let isDone = false
  const watched = work.finally(() => {
    isDone = true
  })
  watched.catch(() => {})
  await stacks.settle(() => isDone, limitMs)
  return watched
}

describe.each(['127.0.0.1', '127.8.8.8', '::1', LEFT_V4, LEFT_V6])('%s', (self) => {
  it('is connected to; a megabyte goes and comes, and nothing is left', async () => {
    stacks.left.listen({ port: 7 }, async (stream) => {
      const chunk = new Uint8Array(65_536)
      for (;;) {
        const count = await stream.read(chunk)
        if (count === null) break
        await stream.write(chunk.subarray(0, count))
      }
      stream.close()
    })
    const stream = await run(stacks.left.connect({ hostname: self, port: 7 }))
    expect(stream.remoteAddress.hostname).toBe(self)
    expect(stream.localAddress.hostname).toBe(self)
    const data = new Uint8Array(BYTES).map((_, index) => index * 7 + (index >> 8))
    const received = new Uint8Array(BYTES)
    const read = async () => {
      for (let at = 0; at < BYTES; ) {
        const count = await stream.read(received.subarray(at))
        if (count === null) throw new Error('it ended early')
        at += count
      }
    }
    await run(Promise.all([stream.write(data), read()]))
    expect(Buffer.compare(received, data)).toBe(0)
    stream.close()
    await stacks.settle(() => [...stacks.left.tcp.sockets()].length === 0, 200_000)
  })

  it('refuses where nobody listens', async () => {
    const connecting = stacks.left.connect({ hostname: self, port: 9 })
    await expect(run(connecting)).rejects.toMatchObject({ code: 'refused' })
  })

  it.each([56, 10_000])('answers a ping of %i bytes', async (lengthBytes) => {
    const reply = await run(stacks.left.ping(self, { lengthBytes }))
    expect(reply).toMatchObject({ hostname: self, lengthBytes, hopLimit: 64 })
  })

  it('takes datagrams of any length, and refuses those that nobody waits for', async () => {
    const server = stacks.left.listenDatagram({ port: 53 })
    const client = await run(stacks.left.connectDatagram({ hostname: self, port: 53 }))
    for (const length of [0, 1, 1_500, 60_000]) {
      await run(client.send(new Uint8Array(length).fill(length)))
      const [bytes, from, { localAddress }] = await run(server.receive())
      expect([bytes.length, from, localAddress]).toEqual([
        length,
        { hostname: self, port: client.port },
        self,
      ])
      await run(server.send(bytes, from))
      expect((await run(client.receive()))[0]).toHaveLength(length)
    }
    const refused = await run(stacks.left.connectDatagram({ hostname: self, port: 54 }))
    await run(refused.send(new Uint8Array(1)))
    await expect(run(refused.receive())).rejects.toMatchObject({ code: 'refused', reporter: self })
  })
})

it('is not held up by a link that is down, however much is sent to itself at once', async () => {
  const count = 60
  const bytes = 100_000
  stacks.link.left.link.isUp = false
  stacks.left.listen({ port: 7 }, async (stream) => {
    await stream.write(new Uint8Array(bytes))
    stream.close()
  })
  const fetchOne = async () => {
    const stream = await stacks.left.connect({ hostname: LEFT_V4, port: 7 })
    const chunk = new Uint8Array(65_536)
    let got = 0
    for (let read = await stream.read(chunk); read !== null; read = await stream.read(chunk)) {
      got += read
    }
    stream.close()
    return got
  }
  const all = Array.from({ length: count }, fetchOne)
  expect(await run(Promise.all(all), 20_000)).toEqual(Array.from({ length: count }, () => bytes))
})

it('localhost is this host, by either family, without any server', async () => {
  stacks.left.listen({ port: 7 })
  const stream = await run(stacks.left.connect({ hostname: 'localhost', port: 7 }))
  expect(['127.0.0.1', '::1']).toContain(stream.remoteAddress.hostname)
  stream.abort()
})

it('what listens on loopback only is not there for others, nor is loopback a source toward them', async () => {
  stacks.left.listen({ port: 7, hostname: '127.0.0.1' })
  await run(stacks.left.connect({ hostname: '127.0.0.1', port: 7 }))
  await expect(run(stacks.left.connect({ hostname: LEFT_V4, port: 7 }))).rejects.toMatchObject({
    code: 'refused',
  })
  const { egress } = stacks.left.host
  const loopback = { version: 4, word0: 0, word1: 0, word2: 0, word3: 0x7f000001 } as const
  for (const other of [RIGHT_V4, RIGHT_V6]) {
    const { entries } = stacks.right.interface.addresses
    const { address } = entries[other === RIGHT_V4 ? 0 : 1]!
    expect(egress.openFlow(address, loopback, 6)).toBeNull()
  }
})

it('an own address that goes takes its connections along', async () => {
  stacks.left.listen({ port: 7 })
  await run(stacks.left.connect({ hostname: LEFT_V4, port: 7 }))
  const { addresses } = stacks.left.interface
  stacks.left.interface.removeAddress(addresses.entries[0]!, stacks.clock.nowMs)
  stacks.runFor(1_000)
  expect([...stacks.left.tcp.sockets()]).toEqual([])
})

it('many at once wait for each other, and all are served', async () => {
  stacks.left.listen({ port: 7 }, async (stream) => {
    await stream.write(new Uint8Array(100_000))
    stream.close()
  })
  const fetchOne = async () => {
    const stream = await stacks.left.connect({ hostname: '::1', port: 7 })
    const chunk = new Uint8Array(65_536)
    let length = 0
    for (let count = await stream.read(chunk); count !== null; count = await stream.read(chunk)) {
      length += count
    }
    stream.close()
    return length
  }
  const lengths = await run(Promise.all(Array.from({ length: 60 }, fetchOne)))
  expect(lengths).toEqual(new Array(60).fill(100_000))
})
