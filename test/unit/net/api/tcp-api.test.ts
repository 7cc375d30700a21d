/** What applications import: streams, listeners and errors, over two stacks on a simulated link. */
import { describe, expect, it } from 'vitest'
import { NetError } from '../../../../net/api/net-error.ts'
import type { TcpStream } from '../../../../net/api/tcp-stream.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from '../../../simulation/two-stacks.ts'

async function run<T>(stacks: TwoStacks, work: Promise<T>, limitMs = 60_000): Promise<T> {
  let isDone = false
  const watched = work.finally(() => {
    isDone = true
  })
  watched.catch(() => {})
  await stacks.settle(() => isDone, limitMs)
  return watched
}

async function readText(stream: TcpStream): Promise<string> {
  const buffer = new Uint8Array(100)
  let text = ''
  for (;;) {
    const count = await stream.read(buffer)
    if (count === null) return text
    text += Buffer.from(buffer.subarray(0, count)).toString()
  }
}

describe.each([RIGHT_V4, RIGHT_V6])('a stream to %s', (hostname) => {
  it('carries requests and answers until both sides have finished', async () => {
    const stacks = new TwoStacks()
    const listener = stacks.right.listen({ port: 7 })
    const serve = async () => {
      for await (const stream of listener) {
        const text = await readText(stream)
        await stream.write(Buffer.from(text.toUpperCase()))
        stream.close()
        listener.close()
      }
    }
    const ask = async () => {
      const stream = await stacks.left.connect({ hostname, port: 7 })
      expect(stream.remoteAddress).toEqual({ hostname, port: 7 })
      await stream.write(Buffer.from('hello'))
      stream.closeWrite()
      const answer = await readText(stream)
      stream.close()
      return answer
    }
    const served = serve()
    expect(await run(stacks, ask())).toBe('HELLO')
    await run(stacks, served)
  })
})

describe('TcpStream', () => {
  it('holds a writer back until the reader takes the bytes', async () => {
    const stacks = new TwoStacks(
      {},
      { sendBufferBytes: 16_384, receiveBufferBytes: 16_384, minimumBufferBytes: 16_384 },
    )
    const listener = stacks.right.listen({ port: 7 })
    const accepting = listener.accept()
    const client = await run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 }))
    const server = await run(stacks, accepting)
    let isWritten = false
    const writing = client.write(new Uint8Array(200_000)).then(() => {
      isWritten = true
      client.closeWrite()
    })
    stacks.runFor(1000)
    await Promise.resolve()
    expect(isWritten).toBe(false)
    const text = await run(stacks, readText(server))
    expect(text.length).toBe(200_000)
    await run(stacks, writing)
  })

  it('fills the buffer of a read that waits with all that comes before it goes on, and no more', async () => {
    const stacks = new TwoStacks()
    const listener = stacks.right.listen({ port: 7 })
    const accepting = listener.accept()
    const client = await run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 }))
    const server = await run(stacks, accepting)
    const first = new Uint8Array(5000)
    const reading = server.read(first)
    const sent = Uint8Array.from({ length: 8000 }, (_, index) => index % 251)
    await run(stacks, client.write(sent))
    client.closeWrite()
    const count = (await run(stacks, reading))!
    expect(count).toBeGreaterThan(0)
    const second = new Uint8Array(9000)
    let filled = 0
    for (;;) {
      const more = await run(stacks, server.read(second.subarray(filled)))
      if (more === null) break
      filled += more
    }
    expect(count + filled).toBe(8000)
    const received = Buffer.concat([first.subarray(0, count), second.subarray(0, filled)])
    expect(Buffer.compare(received, sent)).toBe(0)
  })

  it('rejects connect with "refused" when nobody listens', async () => {
    const stacks = new TwoStacks()
    await expect(
      run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 9 })),
    ).rejects.toMatchObject({ name: 'NetError', code: 'refused' })
  })

  it('rejects connect with "unreachable" when nobody has the address, or there is no route', async () => {
    const stacks = new TwoStacks()
    await expect(
      run(stacks, stacks.left.connect({ hostname: '10.0.0.77', port: 9 }), 200_000),
    ).rejects.toMatchObject({ code: 'unreachable' })
    await expect(
      run(stacks, stacks.left.connect({ hostname: '198.51.100.1', port: 9 })),
    ).rejects.toMatchObject({ code: 'unreachable' })
    await expect(
      run(stacks, stacks.left.connect({ hostname: 'example', port: 9 })),
    ).rejects.toBeInstanceOf(NetError)
  })

  it('rejects read and write after a reset', async () => {
    const stacks = new TwoStacks()
    const listener = stacks.right.listen({ port: 7 })
    const accepting = listener.accept()
    const client = await run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 }))
    const server = await run(stacks, accepting)
    const reading = client.read(new Uint8Array(10))
    reading.catch(() => {})
    server.abort()
    await expect(run(stacks, reading)).rejects.toMatchObject({ code: 'reset' })
    await expect(client.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'reset' })
    await expect(server.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'aborted' })
  })

  it('closed with unread data delivers what was written before (RFC 2525 §2.17)', async () => {
    const stacks = new TwoStacks()
    const listener = stacks.right.listen({ port: 7 })
    const accepting = listener.accept()
    const client = await run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 }))
    const server = await run(stacks, accepting)
    await run(stacks, client.write(new Uint8Array(5000)))
    await run(stacks, server.read(new Uint8Array(10)))
    await server.write(Buffer.from('enough'))
    server.close()
    await expect(server.read(new Uint8Array(10))).rejects.toMatchObject({ code: 'closed' })
    expect(await run(stacks, readText(client))).toBe('enough')
    // Who goes on is told, but not before it had time to read.
    stacks.runFor(6000)
    await expect(client.write(new Uint8Array(5))).rejects.toMatchObject({ code: 'reset' })
    expect([stacks.left.tcp.connectionCount, stacks.right.tcp.connectionCount]).toEqual([0, 0])
  })

  it('refuses two reads at once and writes after closeWrite', async () => {
    const stacks = new TwoStacks()
    const listener = stacks.right.listen({ port: 7 })
    const client = await run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 }))
    const first = client.read(new Uint8Array(1))
    first.catch(() => {})
    await expect(client.read(new Uint8Array(1))).rejects.toThrow(/another read/)
    client.closeWrite()
    await expect(client.write(new Uint8Array(1))).rejects.toMatchObject({ code: 'closed' })
    client.close()
    await expect(first).rejects.toMatchObject({ code: 'closed' })
    listener.close()
    await expect(listener.accept()).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('a listener with a handler', () => {
  const connectTo = (stacks: TwoStacks) =>
    run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 }))

  /** Answers what it is sent, once. */
  async function answer(connection: TcpStream): Promise<void> {
    const bytes = new Uint8Array(100)
    const length = await connection.read(bytes)
    if (Buffer.from(bytes.subarray(0, 5)).toString() === 'break') throw new Error('broken')
    if (length !== null) await connection.write(bytes.subarray(0, length))
  }

  async function ask(client: TcpStream, text: string): Promise<string> {
    await client.write(Buffer.from(text))
    return readText(client)
  }

  it('serves many at once, whoever is silent or resets, and closes each when it is done', async () => {
    const stacks = new TwoStacks()
    const failures: unknown[] = []
    stacks.right.onConnectionFailure = (connection, error) => {
      failures.push([connection.remoteAddress.hostname, error === connection.error])
    }
    stacks.right.listen({ port: 7 }, answer)
    const silent = await connectTo(stacks)
    const leaving = await connectTo(stacks)
    const breaking = await connectTo(stacks)
    expect(await run(stacks, ask(await connectTo(stacks), 'hello'))).toBe('hello')
    leaving.abort()
    await expect(run(stacks, ask(breaking, 'break'))).rejects.toMatchObject({ code: 'reset' })
    expect(await run(stacks, ask(await connectTo(stacks), 'again'))).toBe('again')
    const address = leaving.localAddress.hostname
    expect(failures).toHaveLength(2)
    expect(failures).toEqual(
      expect.arrayContaining([
        [address, true],
        [address, false],
      ]),
    )
    expect(await run(stacks, ask(silent, 'late'))).toBe('late')
  })

  it('is not ended by what a handler has begun and does not wait for', async () => {
    const stacks = new TwoStacks(
      {},
      { sendBufferBytes: 16_384, receiveBufferBytes: 16_384, minimumBufferBytes: 16_384 },
    )
    const rejections: unknown[] = []
    const note = (reason: unknown) => rejections.push(reason)
    process.on('unhandledRejection', note)
    try {
      stacks.right.listen({ port: 7 }, (connection) => {
        void connection.read(new Uint8Array(10))
        void connection.write(new Uint8Array(100_000))
      })
      const client = await connectTo(stacks)
      await expect(run(stacks, readText(client))).resolves.toMatch(/./)
      client.abort()
      stacks.runFor(1000)
      await new Promise((resolve) => setTimeout(resolve, 10))
      expect(rejections).toEqual([])
    } finally {
      process.off('unhandledRejection', note)
    }
  })

  it('is not ended by a handler that throws before it waits, and stops when it is closed', async () => {
    const stacks = new TwoStacks()
    const failures: unknown[] = []
    stacks.right.onConnectionFailure = (_connection, error) => failures.push(error)
    const broken = new Error('at once')
    const listener = stacks.right.listen({ port: 7 }, () => {
      throw broken
    })
    for (let count = 1; count <= 3; count++) {
      const client = await connectTo(stacks)
      await expect(run(stacks, readText(client))).rejects.toMatchObject({ code: 'reset' })
      expect(failures).toEqual(Array.from({ length: count }, () => broken))
    }
    listener.close()
    await expect(connectTo(stacks)).rejects.toMatchObject({ code: 'refused' })
  })
})

it('a second listener on the same port is an error with a code', () => {
  const stacks = new TwoStacks()
  stacks.right.listen({ port: 7 })
  expect(() => stacks.right.listen({ port: 7 })).toThrow(
    expect.objectContaining({ code: 'address-in-use' }),
  )
})

describe('the end of all connections', () => {
  const open = async () => {
    const stacks = new TwoStacks()
    const listener = stacks.right.listen({ port: 7 })
    const accepting = listener.accept()
    const client = await run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 }))
    const server = await run(stacks, accepting)
    return { stacks, listener, client, server }
  }
  const later = (stacks: TwoStacks, delayMs: number) => {
    stacks.runFor(delayMs)
    return stacks.right.unsettledConnections(stacks.clock.nowMs)
  }

  it('lets no connection in any more and ends iterations, but not the connections there are', async () => {
    const { stacks, listener, client, server } = await open()
    const iterating = (async () => {
      for await (const _ of listener) throw new Error('nobody connects')
    })()
    stacks.right.windDown()
    await run(stacks, iterating)
    await expect(
      run(stacks, stacks.left.connect({ hostname: RIGHT_V4, port: 7 })),
    ).rejects.toMatchObject({ code: 'refused' })
    await client.write(Buffer.from('still here'))
    client.closeWrite()
    expect(await run(stacks, readText(server))).toBe('still here')
  })

  it('counts a connection until both sides have ended it', async () => {
    const { stacks, client, server } = await open()
    expect(later(stacks, 0)).toBe(1)
    server.closeWrite()
    expect(later(stacks, 500), 'the peer may still send').toBe(1)
    client.close()
    expect(later(stacks, 100)).toBe(0)
  })

  it('waits a second for a peer who has all and does not end his side', async () => {
    const { stacks, server } = await open()
    server.closeWrite()
    expect(later(stacks, 900)).toBe(1)
    expect(later(stacks, 200)).toBe(0)
  })

  it('delivers what is queued before the end, whatever the user thinks of it', async () => {
    const { stacks, client, server } = await open()
    const text = 'x'.repeat(100_000)
    await run(stacks, server.write(Buffer.from(text)))
    stacks.right.endConnections()
    expect(await run(stacks, readText(client))).toBe(text)
    stacks.runFor(100)
    expect(stacks.right.isAllDelivered).toBe(true)
    // A reset could destroy what the peer has not read yet.
    stacks.right.resetUndelivered()
    stacks.runFor(100)
    await expect(client.write(Buffer.from('x'))).resolves.toBeUndefined()
  })

  it('resets a peer who has not taken all', async () => {
    const { stacks, client, server } = await open()
    server.write(Buffer.alloc(4_000_000)).catch(() => {})
    // More is queued by then than the peer has room for.
    const untilMs = stacks.clock.nowMs + 120
    await stacks.settle(() => stacks.clock.nowMs >= untilMs, 60_000)
    stacks.right.endConnections()
    stacks.runFor(100)
    expect(stacks.right.isAllDelivered).toBe(false)
    stacks.right.resetUndelivered()
    stacks.runFor(100)
    await expect(client.write(Buffer.from('x'))).rejects.toMatchObject({ code: 'reset' })
  })
})
