/**
 * Names that end in `.local` are asked of the link, by one-shot queries of multicast DNS (RFC
 * 6762).
 */
import { describe, expect, it } from 'vitest'
import type { UdpSocket } from '../../../../../net/socket/udp/udp-socket.ts'
import { copyOfAddress } from '../../../../../net/wire/ip-address.ts'
import { formatIpAddress, parseIpAddress } from '../../../../../net/wire/ip-address-text.ts'
import { DnsLab } from '../../../../support/dns-lab.ts'
import {
  A,
  a,
  aaaa,
  type ReceivedQuery,
  readQuery,
  response,
} from '../../../../support/dns-messages.ts'

const NAME = 'printer.local'
const GROUP_V4 = '224.0.0.251'

interface HeardQuery extends ReceivedQuery {
  readonly from: string
  readonly port: number
  readonly to: string
  readonly hopLimit: number
  readonly atMs: number
}

/** A responder on the right stack that notes every query and answers to the asker alone. */
function respond(
  lab: DnsLab,
  answer: (query: HeardQuery) => Uint8Array[],
  port = 5353,
): HeardQuery[] {
  const heard: HeardQuery[] = []
  const { right } = lab.stacks
  const listener: UdpSocket = right.openUdpSocket({
    port: 5353,
    handler: {
      onReadable: () => {
        for (let next = listener.peek(); next !== null; next = listener.peek()) {
          const { sourcePort, hopLimit } = next
          const from = copyOfAddress(next.source)
          const to = copyOfAddress(next.destination)
          const bytes = next.bytes.slice(next.offset, next.offset + next.length)
          listener.consume()
          const query = {
            ...readQuery(bytes),
            ...{ from: formatIpAddress(from), port: sourcePort, to: formatIpAddress(to) },
            ...{ hopLimit, atMs: lab.clock.nowMs },
          }
          heard.push(query)
          for (const message of answer(query))
            sender.send(from, sourcePort, message, 0, message.length)
        }
      },
    },
  })
  for (const group of [GROUP_V4, 'ff02::fb']) listener.joinGroup(parseIpAddress(group)!)
  const sender = port === 5353 ? listener : right.openUdpSocket({ port })
  return heard
}

function honest({ id, name, type }: HeardQuery): Uint8Array[] {
  const record = type === A ? a(name, '10.0.0.2', 10) : aaaa(name, 'fd00::2', 10)
  // RFC 6762 §6.7: "MUST repeat the query ID and the question"; AA is set, RD and RA are not.
  return [response({ id, flags: 0x8400, questions: [{ name, type }], answers: [record] })]
}

describe('a name of the link', () => {
  it('is asked for over both families, from a port that is not 5353, without recursion and EDNS (§5.1)', async () => {
    const lab = new DnsLab()
    const heard = respond(lab, honest)
    expect(await lab.resolve('Printer.local.')).toEqual(['10.0.0.2', 'fd00::2'])
    expect(new Set(heard.map(({ to, type }) => `${to} ${type}`))).toEqual(
      new Set(['224.0.0.251 1', 'ff02::fb 1', '224.0.0.251 28', 'ff02::fb 28']),
    )
    for (const { name, flags, ednsPayload, port, hopLimit } of heard) {
      expect([name, flags, ednsPayload, hopLimit]).toEqual([NAME, 0, 0, 255])
      expect(port).not.toBe(5353)
    }
    expect(await lab.resolve(NAME)).toEqual(['10.0.0.2', 'fd00::2'])
    expect(heard).toHaveLength(4)
    lab.stacks.runFor(10_000)
    await lab.resolve(NAME)
    expect(heard).toHaveLength(8)
  })

  it('is asked for again after ten seconds, whatever time a responder gives it (§6.7)', async () => {
    const lab = new DnsLab()
    let address = '10.0.0.2'
    const heard = respond(lab, ({ id, name, type }) => [
      response({ id, questions: [{ name, type }], answers: [a(name, address, 86_400)] }),
    ])
    expect(await lab.resolve(NAME, 4)).toEqual(['10.0.0.2'])
    address = '10.0.0.9'
    lab.stacks.runFor(9_000)
    expect(await lab.resolve(NAME, 4)).toEqual(['10.0.0.2'])
    expect(heard).toHaveLength(2)
    lab.stacks.runFor(1_000)
    expect(await lab.resolve(NAME, 4)).toEqual(['10.0.0.9'])
  })

  it('is never asked of a server, not with search domains either (§3)', async () => {
    const lab = new DnsLab()
    lab.serve('10.0.0.2', () => null)
    lab.useServers(['10.0.0.2'], ['local'])
    respond(lab, ({ id, name, type, ...query }) =>
      name === NAME ? honest({ id, name, type, ...query }) : [],
    )
    expect(await lab.resolve(NAME, 4)).toEqual(['10.0.0.2'])
    expect(await lab.resolve('printer', 4)).toEqual(['10.0.0.2'])
    await expect(lab.resolve('nobody.local', 4)).rejects.toThrow('there is no such name')
    expect(lab.queries).toEqual([])
  })

  it('that nobody has is asked for twice, a second apart (§5.2), and not found after two', async () => {
    const lab = new DnsLab()
    const heard = respond(lab, () => [])
    const startMs = lab.clock.nowMs
    await expect(lab.resolve(NAME, 4)).rejects.toMatchObject({ code: 'name-not-found' })
    expect(lab.clock.nowMs - startMs).toBe(2_000)
    const times = heard.filter(({ to }) => to === GROUP_V4).map(({ atMs }) => atMs)
    expect(times[1]! - times[0]!).toBe(1_000)
    expect(lab.stacks.left.udp.readStatistics().sockets).toBe(0)
  })

  it.each<[string, (query: HeardQuery) => Uint8Array[], object]>([
    ['with another id', (query) => honest({ ...query, id: query.id ^ 1 }), { wrongId: 1 }],
    [
      'in a burst with other ids',
      (query) =>
        Array.from({ length: 50 }, (_, guess) =>
          honest({ ...query, id: query.id ^ (guess + 1) }),
        ).flat(),
      { wrongId: 50 },
    ],
    ['to another question', (query) => honest({ ...query, name: 'x.local' }), { wrongQuestion: 1 }],
    [
      'that is malformed',
      ({ id }) => [Uint8Array.of(id >> 8, id, ...new Array<number>(18).fill(0))],
      { malformed: 1 },
    ],
    [
      'that the name does not exist',
      ({ id, name, type }) => [response({ id, status: 3, questions: [{ name, type }] })],
      {},
    ],
  ])('takes no answer %s, and the true one after it', async (_what, lie, drops) => {
    const lab = new DnsLab()
    respond(lab, (query) => (query.to === GROUP_V4 ? [...lie(query), ...honest(query)] : []))
    expect(await lab.resolve(NAME, 4)).toEqual(['10.0.0.2'])
    expect(lab.statistics.drops).toMatchObject(drops)
  })

  it('takes no answer from another port than 5353, nor from beyond the link (§6.7, §11)', async () => {
    const lab = new DnsLab()
    respond(lab, honest, 5354)
    await expect(lab.resolve(NAME, 4)).rejects.toMatchObject({ code: 'name-not-found' })
    expect(lab.statistics.drops.wrongSource).toBeGreaterThan(0)

    const far = new DnsLab()
    // The responder's subnet is none of ours, though a route leads there.
    const left = far.stacks.left.interface
    const [own] = left.addresses.entries
    left.removeAddress(own!, far.clock.nowMs)
    far.stacks.left.addAddress('10.0.0.1/32', far.clock.nowMs)
    left.addRoute(
      { address: parseIpAddress('10.0.0.0')!, prefixLength: 24 },
      parseIpAddress('10.0.0.2'),
    )
    respond(far, (query) => (query.to === GROUP_V4 ? honest(query) : []))
    await expect(far.resolve(NAME, 4)).rejects.toMatchObject({ code: 'name-not-found' })
    expect(far.statistics.drops.wrongSource).toBeGreaterThan(0)
  })
})
