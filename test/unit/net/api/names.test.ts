/**
 * Connecting to names over whole stacks: resolver, race and TCP together, and nothing left behind.
 */
import { describe, expect, it } from 'vitest'
import { RIGHT_V4, RIGHT_V6 } from '../../../simulation/two-stacks.ts'
import { DnsLab, type ServedQuery } from '../../../support/dns-lab.ts'
import { A, a, aaaa, soa } from '../../../support/dns-messages.ts'

const NAME = 'web.example'
const OTHERS = { status: 3, authorities: [soa('example', 60)] }

/** A server of NAME with these addresses. */
function labOf(v4: readonly string[], v6: readonly string[], slowMs: { v6?: number } = {}): DnsLab {
  const lab = new DnsLab()
  lab.serve(RIGHT_V4, (query: ServedQuery) => {
    const { name, type, id, port } = query
    if (name !== NAME) return OTHERS
    const answers =
      type === A ? v4.map((text) => a(name, text)) : v6.map((text) => aaaa(name, text))
    const fields = answers.length > 0 ? { answers } : { authorities: [soa('example', 60)] }
    if (type === A || slowMs.v6 === undefined) return fields
    lab.clock.at(lab.clock.nowMs + slowMs.v6, () =>
      lab.answerLate(RIGHT_V4, { id, name, type, port }, fields),
    )
    return null
  })
  lab.useServers([RIGHT_V4])
  return lab
}

async function connect(lab: DnsLab, hostname = NAME, port = 7) {
  const stream = await lab.run(lab.stacks.left.connect({ hostname, port }), 400_000)
  return stream.remoteAddress.hostname
}

/** After what is under way has ended: only listeners are left. */
function expectNothingLeft(lab: DnsLab): void {
  const { left } = lab.stacks
  lab.stacks.runFor(200_000)
  expect([...left.tcp.sockets()]).toEqual([])
  expect(left.udp.readStatistics().sockets).toBe(0)
  expect(left.reportNames()?.outstanding ?? 0).toBe(0)
  expect(left.nextDeadlineMs(lab.clock.nowMs)).toBeGreaterThan(lab.clock.nowMs + 1_000)
}

describe('connect', () => {
  it.each([
    ['both', [RIGHT_V4], [RIGHT_V6], [RIGHT_V4, RIGHT_V6]],
    ['IPv4', [RIGHT_V4], [], [RIGHT_V4]],
    ['IPv6', [], [RIGHT_V6], [RIGHT_V6]],
  ])('takes the name of a host of %s', async (_families, v4, v6, expected) => {
    const lab = labOf(v4, v6)
    lab.stacks.right.listen({ port: 7 }, async (stream) => {
      const buffer = new Uint8Array(8)
      const count = await stream.read(buffer)
      await stream.write(buffer.subarray(0, count ?? 0))
    })
    const exchange = async () => {
      const stream = await lab.stacks.left.connect({ hostname: NAME, port: 7, noDelay: true })
      await stream.write(Buffer.from('hello'))
      const buffer = new Uint8Array(8)
      const count = await stream.read(buffer)
      stream.close()
      return [stream.remoteAddress.hostname, Buffer.from(buffer.subarray(0, count!)).toString()]
    }
    const [hostname, text] = await lab.run(exchange())
    expect(expected).toContain(hostname)
    expect(text).toBe('hello')
    expectNothingLeft(lab)
  })

  it('is told what a server says first, though that comes with the end of the handshake', async () => {
    const lab = labOf([RIGHT_V4], [])
    lab.stacks.right.listen({ port: 7 }, (stream) => stream.write(Buffer.from('welcome')))
    const read = async () => {
      const stream = await lab.stacks.left.connect({ hostname: NAME, port: 7 })
      const buffer = new Uint8Array(16)
      const count = await stream.read(buffer)
      return Buffer.from(buffer.subarray(0, count!)).toString()
    }
    expect(await lab.run(read())).toBe('welcome')
  })

  it('goes by an address that is dead after a quarter of a second, and leaves none of it', async () => {
    // Nobody has fd00::99: its neighbor does not answer.
    const lab = labOf([RIGHT_V4], ['2001:db8::99', 'fd00::99'])
    lab.stacks.left.interface.addAddress(
      {
        address: { version: 6, word0: 0x20010db8, word1: 0, word2: 0, word3: 1 },
        prefixLength: 64,
      },
      lab.clock.nowMs,
    )
    lab.stacks.right.listen({ port: 7 })
    const startMs = lab.clock.nowMs
    expect(await connect(lab)).toBe(RIGHT_V4)
    expect(lab.clock.nowMs - startMs).toBeLessThan(400)
    const open = [...lab.stacks.left.tcp.sockets()]
    expect(open.map(({ remoteAddress }) => remoteAddress.version)).toEqual([4])
  })

  it('does not wait for the slow half of the name', async () => {
    const lab = labOf([RIGHT_V4], [RIGHT_V6], { v6: 1_500 })
    lab.stacks.right.listen({ port: 7 })
    const startMs = lab.clock.nowMs
    expect(await connect(lab)).toBe(RIGHT_V4)
    expect(lab.clock.nowMs - startMs).toBeLessThan(150)
    lab.stacks.runFor(2_000)
    // What was asked has come to its end, for the next who wants it.
    lab.queries.length = 0
    expect(await lab.resolve(NAME)).toEqual([RIGHT_V4, RIGHT_V6])
    expect(lab.queries).toEqual([])
  })

  it('does not ask for a family that it cannot use', async () => {
    const lab = labOf([RIGHT_V4], [RIGHT_V6])
    const { interface: iface } = lab.stacks.left
    const own = iface.addresses.entries.find(({ address }) => address.version === 6)!
    iface.removeAddress(own, lab.clock.nowMs)
    iface.addLinkLocalAddress(lab.clock.nowMs)
    lab.stacks.right.listen({ port: 7 })
    expect(await connect(lab)).toBe(RIGHT_V4)
    expect(lab.asked()).toEqual([`${RIGHT_V4} A ${NAME}`])
  })

  it('that is refused everywhere says so in one line', async () => {
    const lab = labOf([RIGHT_V4], [RIGHT_V6])
    const error = await connect(lab).catch((reason: unknown) => reason)
    expect(error).toMatchObject({ code: 'refused' })
    const [, fates] = (error as Error).message.split(`Cannot connect to ${NAME} port 7: `)
    // Whose address came first is tried first.
    expect(fates!.split(', ').sort()).toEqual([`${RIGHT_V4} refused`, `${RIGHT_V6} refused`])
    expectNothingLeft(lab)
  })

  it('to a name that does not exist, or that nobody answers for, rejects with its own code', async () => {
    const lab = labOf([RIGHT_V4], [])
    await expect(connect(lab, 'nobody.example')).rejects.toMatchObject({
      name: 'NetError',
      code: 'name-not-found',
      message: 'Cannot resolve "nobody.example": there is no such name',
    })
    lab.useServers(['10.0.0.77'])
    await expect(connect(lab, 'other.example')).rejects.toMatchObject({ code: 'name-unresolved' })
    expectNothingLeft(lab)
  })

  it.each([
    ['a name', NAME],
    ['an address', '10.0.0.77'],
  ])(
    'to %s is given up when its signal fires, and nothing is sent any more',
    async (_what, hostname) => {
      const lab = labOf(['10.0.0.77'], ['fd00::77'])
      const { left } = lab.stacks
      const controller = new AbortController()
      const connecting = left.connect({ hostname, port: 7, signal: controller.signal })
      connecting.catch(() => {})
      await lab.stacks.settle(() => left.tcp.connectionCount > 0, 1_000)
      lab.stacks.runFor(300)
      controller.abort(new Error('enough'))
      await expect(lab.run(connecting)).rejects.toThrow('enough')
      expect(left.tcp.connectionCount).toBe(0)
      expectNothingLeft(lab)
      const late = left.connect({ hostname, port: 7, signal: controller.signal })
      await expect(lab.run(late)).rejects.toThrow('enough')
      expect(left.tcp.connectionCount).toBe(0)
    },
  )

  it('keeps no listener on its signal, however it ends', async () => {
    const lab = labOf([RIGHT_V4], [])
    lab.stacks.right.listen({ port: 7 })
    const listeners = new Set<unknown>()
    const signal = {
      ...{ aborted: false, reason: null },
      addEventListener: (_type: 'abort', listener: unknown) => void listeners.add(listener),
      removeEventListener: (_type: 'abort', listener: unknown) => void listeners.delete(listener),
    }
    const { left } = lab.stacks
    for (const hostname of [NAME, RIGHT_V4, 'nobody.example', 'a b', '198.51.100.1', '127.0.0.1']) {
      const connecting = left.connect({ hostname, port: 7, signal })
      if (hostname === NAME) expect(listeners.size).toBe(1)
      await lab.run(connecting).catch(() => {})
      expect([hostname, listeners.size]).toEqual([hostname, 0])
    }
  })

  it('goes nowhere where no host can be, whoever has told it, and sends nothing there', async () => {
    const lab = new DnsLab()
    lab.serve(RIGHT_V4, ({ name, type }) => ({
      answers:
        type === A
          ? ['127.0.0.1', '0.0.0.0', '224.0.0.1', '10.0.0.255', '255.255.255.255'].map((text) =>
              a(name, text),
            )
          : ['0:0:0:0:0:ffff:a00:2', 'ff02::1', '::1'].map((text) => aaaa(name, text)),
    }))
    lab.useServers([RIGHT_V4])
    lab.stacks.left.interface.addDefaultRoute(
      lab.stacks.right.interface.addresses.entries[0]!.address,
    )
    await expect(connect(lab, 'trap.example')).rejects.toMatchObject({ code: 'unreachable' })
    expect(lab.stacks.left.tcp.readStatistics().segmentsSent).toBe(0)
    // Only the name that means this host goes there.
    await expect(connect(lab, 'localhost')).rejects.toMatchObject({
      message: 'Cannot connect to localhost port 7: ::1 refused, 127.0.0.1 refused',
    })
  })

  it('to an address asks nobody', async () => {
    const lab = labOf([], [])
    lab.stacks.right.listen({ port: 7 })
    expect(await connect(lab, RIGHT_V6)).toBe(RIGHT_V6)
    expect(lab.stacks.left.reportNames()).toBeNull()
  })

  it('many at once, to many names, end all, and leave nothing', async () => {
    const lab = new DnsLab({ loss: 0.1, seed: 3 })
    lab.serve(RIGHT_V4, ({ name, type }) => ({
      answers: [type === A ? a(name, RIGHT_V4) : aaaa(name, RIGHT_V6)],
    }))
    lab.useServers([RIGHT_V4])
    lab.stacks.right.listen({ port: 7 }, () => {})
    const { left } = lab.stacks
    const go = async (index: number) => {
      const stream = await left.connect({ hostname: `n${index % 40}.example`, port: 7 })
      stream.close()
    }
    await lab.run(Promise.all(Array.from({ length: 100 }, (_, index) => go(index))), 400_000)
    expectNothingLeft(lab)
  })
})

describe('what goes to a host', () => {
  it('takes its name: ping, a datagram endpoint with one peer, others, and raw sockets', async () => {
    const lab = labOf([RIGHT_V4], [])
    const { left, right } = lab.stacks
    const reply = await lab.run(left.ping(NAME))
    expect(reply.hostname).toBe(RIGHT_V4)
    const server = right.listenDatagram({ port: 9 })
    const peer = await lab.run(left.connectDatagram({ hostname: NAME, port: 9 }))
    await lab.run(peer.send(Uint8Array.of(1)))
    const other = left.listenDatagram({ port: 0 })
    await lab.run(other.send(Uint8Array.of(2), { hostname: NAME, port: 9 }))
    const raw = right.openRaw({ protocol: 253 })
    const sender = left.openRaw({ protocol: 253 })
    await lab.run(sender.send(Uint8Array.of(3), NAME))
    const [[first]] = [await lab.run(server.receive())]
    const [second] = await lab.run(server.receive())
    const [third] = await lab.run(raw.receive())
    expect([first[0], second[0], third[0]]).toEqual([1, 2, 3])
  })

  it('says when there is no such name', async () => {
    const lab = labOf([RIGHT_V4], [])
    const { left } = lab.stacks
    const endpoint = left.listenDatagram({ port: 0 })
    const code = { code: 'name-not-found' }
    await expect(lab.run(left.ping('nobody.example'))).rejects.toMatchObject(code)
    const target = { hostname: 'nobody.example', port: 9 }
    await expect(lab.run(left.connectDatagram(target))).rejects.toMatchObject(code)
    const sending = endpoint.send(Uint8Array.of(1), target)
    await expect(lab.run(sending)).rejects.toMatchObject(code)
  })
})

describe('resolve', () => {
  it('gives addresses of one family when asked for one', async () => {
    const lab = labOf([RIGHT_V4], [RIGHT_V6])
    expect(await lab.resolve(NAME, 6)).toEqual([RIGHT_V6])
    await expect(lab.resolve('10.0.0.1', 6)).rejects.toMatchObject({ code: 'name-not-found' })
  })
})
