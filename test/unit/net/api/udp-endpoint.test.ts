/** UDP endpoints for applications, over two stacks on a simulated link. */
import { describe, expect, it } from 'vitest'
import { HANDLER_LIMIT } from '../../../../net/api/serve-datagrams.ts'
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

describe.each([
  [LEFT_V4, RIGHT_V4],
  [LEFT_V6, RIGHT_V6],
])('between %s and %s', (left, right) => {
  it('datagrams and their answers keep their bounds and senders', async () => {
    const stacks = new TwoStacks()
    const server = stacks.right.listenDatagram({ port: 7 })
    const client = stacks.left.listenDatagram({ port: 0 })
    const serve = async () => {
      for await (const [bytes, from] of server) {
        expect(from).toEqual({ hostname: left, port: client.port })
        await server.send(bytes.reverse(), from)
        if (bytes.length === 0) server.close()
      }
    }
    const ask = async () => {
      const to = { hostname: right, port: 7 }
      for (const text of ['abc', 'd', '']) {
        expect(await client.send(Buffer.from(text), to)).toBe(text.length)
      }
      const answers: string[] = []
      for (let index = 0; index < 3; index++) {
        const [bytes, from] = await client.receive()
        expect(from).toEqual(to)
        answers.push(Buffer.from(bytes).toString())
      }
      return answers
    }
    const served = serve()
    expect(await run(stacks, ask())).toEqual(['cba', 'd', ''])
    await run(stacks, served)
  })

  it('what comes from port 0 has no answer, which is no mistake of the app (RFC 768)', async () => {
    const stacks = new TwoStacks()
    const endpoint = stacks.left.listenDatagram({ port: 7 })
    const answer = run(stacks, endpoint.send(Buffer.from('a'), { hostname: right, port: 0 }))
    await expect(answer).rejects.toMatchObject({ name: 'NetError', code: 'unreachable' })
  })

  it('a sender that outruns the link waits, and what is received is its own memory', async () => {
    const stacks = new TwoStacks({ bytesPerMs: 1000, queueLength: 8, readDelayMs: 1 })
    const server = stacks.right.listenDatagram({ port: 7 })
    const client = stacks.left.listenDatagram({ port: 0 })
    const send = async () => {
      const bytes = new Uint8Array(1000)
      for (let index = 0; index < 1000; index++) {
        bytes.fill(index & 0xff)
        await client.send(bytes, { hostname: right, port: 7 })
      }
    }
    const received: Uint8Array[] = []
    const collect = async () => {
      while (received.length < 1000) received.push((await server.receive())[0])
    }
    await run(stacks, Promise.all([send(), collect()]))
    expect(received.every((bytes, index) => bytes.every((byte) => byte === (index & 0xff)))).toBe(
      true,
    )
    expect(stacks.left.udp.statistics.datagramsSent).toBe(1000)
  })

  it('what no datagram holds is refused with a reason', async () => {
    const stacks = new TwoStacks()
    const client = stacks.left.listenDatagram({ port: 0 })
    const sending = client.send(new Uint8Array(65_528), { hostname: right, port: 7 })
    await expect(run(stacks, sending)).rejects.toMatchObject({
      name: 'NetError',
      code: 'message-too-large',
      message: expect.stringContaining(`65528 bytes to ${right} port 7`),
    })
  })
})

it('names a sender in the canonical form (RFC 5952), however the app has spelt it', async () => {
  const stacks = new TwoStacks()
  const server = stacks.right.listenDatagram({ port: 7 })
  const client = stacks.left.listenDatagram({ port: 0 })
  const ask = async () => {
    await client.send(Buffer.from('a'), { hostname: 'FD00:0::0002', port: 7 })
    const [bytes, from] = await server.receive()
    await server.send(bytes, from)
    return client.receive()
  }
  expect((await run(stacks, ask()))[1]).toEqual({ hostname: RIGHT_V6, port: 7 })
})

describe('a handler', () => {
  it('is run for each datagram, many at once, and no failure of one harms another', async () => {
    const stacks = new TwoStacks()
    const failures: unknown[] = []
    stacks.right.onDatagramFailure = ({ hostname }, error, netError) => {
      failures.push([hostname, error, netError?.code])
    }
    const broken = new Error('broken on purpose')
    const stuck: string[] = []
    const server = stacks.right.listenDatagram({ port: 7 }, async (bytes, from) => {
      const text = Buffer.from(bytes).toString()
      if (text === 'throw') throw broken
      if (text === 'reject') await Promise.reject(broken)
      if (text === 'far') await server.send(bytes, { hostname: '198.51.100.1', port: 9 })
      if (text === 'hang') await new Promise(() => stuck.push(text))
      await server.send(bytes, from)
    })
    const client = stacks.left.listenDatagram({ port: 0 })
    const ask = async () => {
      for (const text of ['throw', 'reject', 'far', 'hang', 'last']) {
        await client.send(Buffer.from(text), { hostname: RIGHT_V4, port: 7 })
      }
      return Buffer.from((await client.receive())[0]).toString()
    }
    expect(await run(stacks, ask())).toBe('last')
    expect(stuck).toEqual(['hang'])
    expect(failures).toEqual([
      [LEFT_V4, broken, undefined],
      [LEFT_V4, broken, undefined],
      [LEFT_V4, expect.any(Error), 'unreachable'],
    ])
  })

  it('is not run without bound: what comes meanwhile waits in the queue', async () => {
    const stacks = new TwoStacks()
    const waiting: (() => void)[] = []
    stacks.right.listenDatagram({ port: 7 }, () => new Promise<void>((go) => waiting.push(go)))
    const client = stacks.left.listenDatagram({ port: 0 })
    const send = async (count: number) => {
      for (let sent = 0; sent < count; sent++) {
        await client.send(new Uint8Array(1), { hostname: RIGHT_V4, port: 7 })
      }
    }
    await run(stacks, send(HANDLER_LIMIT + 10))
    await stacks.settle(() => waiting.length >= HANDLER_LIMIT, 60_000)
    await stacks.settle(() => false, 100).catch(() => {})
    expect(waiting).toHaveLength(HANDLER_LIMIT)
    waiting[0]!()
    await stacks.settle(() => waiting.length > HANDLER_LIMIT, 60_000)
    expect(waiting).toHaveLength(HANDLER_LIMIT + 1)
  })
})

it('rejects what cannot work with a code, and ends when closed', async () => {
  const stacks = new TwoStacks()
  const endpoint = stacks.left.listenDatagram({ port: 7, hostname: LEFT_V4 })
  expect(endpoint.port).toBe(7)
  expect(() => stacks.left.listenDatagram({ port: 7 })).toThrow(
    expect.objectContaining({ code: 'address-in-use' }),
  )
  expect(() => stacks.left.listenDatagram({ port: 8, hostname: 'localhost' })).toThrow(
    expect.objectContaining({ code: 'unreachable' }),
  )
  const bytes = new Uint8Array(1)
  for (const hostname of ['198.51.100.1', RIGHT_V6]) {
    await expect(endpoint.send(bytes, { hostname, port: 9 })).rejects.toMatchObject({
      code: 'unreachable',
    })
  }
  const beyond = { hostname: RIGHT_V4, port: 65_536 }
  await expect(endpoint.send(bytes, beyond)).rejects.toThrow(RangeError)
  const receiving = endpoint.receive()
  const iterating = endpoint[Symbol.asyncIterator]().next()
  endpoint.close()
  await expect(receiving).rejects.toMatchObject({ code: 'closed' })
  await expect(iterating).resolves.toEqual({ done: true, value: undefined })
  await expect(endpoint.receive()).rejects.toMatchObject({ code: 'closed' })
  await expect(endpoint.send(bytes, { hostname: RIGHT_V4, port: 9 })).rejects.toMatchObject({
    code: 'closed',
  })
  stacks.left.listenDatagram({ port: 7 })
})

it('a sender that waits for room is told when the endpoint closes', async () => {
  const stacks = new TwoStacks()
  const endpoint = stacks.left.listenDatagram({ port: 0 })
  const sending = Array.from({ length: 300 }, () =>
    endpoint.send(new Uint8Array(1), { hostname: '10.0.0.77', port: 9 }),
  )
  endpoint.close()
  const results = await Promise.allSettled(sending)
  expect(results.filter(({ status }) => status === 'fulfilled')).toHaveLength(256)
  expect(results.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'closed' } })
})
