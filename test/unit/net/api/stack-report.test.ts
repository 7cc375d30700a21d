/** Connections and counters as a status page shows them. */
import { describe, expect, it } from 'vitest'
import { LISTED_CONNECTIONS, reportStack } from '../../../../net/api/stack-report.ts'
import { RIGHT_V4, RIGHT_V6, TwoStacks } from '../../../simulation/two-stacks.ts'

async function connected(hostname: string, count: number) {
  const stacks = new TwoStacks()
  stacks.right.listen({ port: 7 })
  let opened = 0
  const streams = Array.from({ length: count }, async () => {
    const stream = await stacks.left.connect({ hostname, port: 7 })
    opened++
    return stream
  })
  await stacks.settle(() => opened === count && stacks.right.tcp.connectionCount === count, 60_000)
  return { stacks, streams: await Promise.all(streams) }
}

describe('reportStack', () => {
  it.each([
    [RIGHT_V4, /^[\d.]+:\d+$/],
    [RIGHT_V6, /^\[[\da-f:]+\]:\d+$/],
  ])('names a connection from %s with its bytes', async (hostname, remote) => {
    const { stacks, streams } = await connected(hostname, 1)
    const written = streams[0]!.write(Buffer.from('hello'))
    await stacks.settle(() => reportStack(stacks.right).tcp?.bytesReceived === 5, 60_000)
    await written
    const report = reportStack(stacks.right)
    expect(report.connections).toMatchObject({ open: 1, halfOpen: 0, finWait2: 0, timeWait: 0 })
    expect(report.connections.list).toMatchObject([
      {
        localPort: 7,
        remote: expect.stringMatching(remote),
        state: 'ESTABLISHED',
        bytesSent: 0,
        bytesReceived: 5,
        receiveBuffer: { queuedBytes: 5 },
      },
    ])
    expect(report.interface).toBe(stacks.right.interface.counters)
  })

  it('counts all connections and lists the busiest: those heard last, of these the ones that moved most', async () => {
    const { stacks, streams } = await connected(RIGHT_V4, LISTED_CONNECTIONS + 10)
    // Long after they have opened, the last ones say something, each more than the one before.
    stacks.runFor(5_000)
    const speaking = streams.slice(-3)
    const writing = speaking.map((stream, index) => stream.write(Buffer.alloc(100 * (index + 1))))
    await stacks.settle(() => reportStack(stacks.right).tcp?.bytesReceived === 600, 60_000)
    await Promise.all(writing)
    const { connections } = reportStack(stacks.right)
    expect(connections.open).toBe(LISTED_CONNECTIONS + 10)
    expect(connections.list).toHaveLength(LISTED_CONNECTIONS)
    expect(new Set(connections.list.map(({ remote }) => remote)).size).toBe(LISTED_CONNECTIONS)
    expect(connections.list.slice(0, 4).map(({ bytesReceived }) => bytesReceived)).toEqual([
      300, 200, 100, 0,
    ])
    const ports = connections.list.slice(0, 3).map(({ remote }) => Number(remote.split(':')[1]))
    expect(ports).toEqual(speaking.map((stream) => stream.localAddress.port).reverse())
  })

  it('has the same fields without a network', () => {
    const report = reportStack(null)
    expect(report).toEqual({
      connections: { open: 0, halfOpen: 0, finWait2: 0, timeWait: 0, list: [] },
      dns: null,
      interface: null,
      tcp: null,
      udp: null,
      echo: null,
      raw: null,
    })
    expect(Object.keys(report)).toEqual(Object.keys(reportStack(new TwoStacks().right)))
  })
})
