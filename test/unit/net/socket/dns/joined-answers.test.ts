/**
 * Answers that the host has joined with others (GUEST_USO): each is judged by its own id, in
 * whatever buffer that lies (virtio 1.4 §5.1.6.4, RFC 5452 §9.1).
 */
import { describe, expect, it } from 'vitest'
import { Query } from '../../../../../net/socket/dns/query.ts'
import { createDnsStatistics } from '../../../../../net/socket/dns/statistics.ts'
import { DnsType } from '../../../../../net/wire/dns.ts'
import { createRandomSource } from '../../../../support/random.ts'
import { datagram, NotingHandler, readAll, UdpLab } from '../../../../support/udp-lab.ts'

const HEADERS = { 4: 42, 6: 62 } as const
const SIZE = 100

describe.each([4, 6] as const)('over IPv%i', (version) => {
  it.each([
    ['between two', 3 * SIZE],
    ['in the middle of an id', 3 * SIZE + 1],
    ['behind the headers', 0],
  ])('the buffer ends %s: the true one is taken', (_where, payloadInFirst) => {
    const lab = new UdpLab()
    const question = { name: 'example.com', type: DnsType.A }
    const query = new Query(question, true, false, createRandomSource(5))
    const statistics = createDnsStatistics()
    const socket = lab.udp.open({
      port: 7,
      handler: new NotingHandler(),
      filter: {
        wants: (packet, start, length) => query.isNamedBy(packet, start, length, statistics),
      },
    })
    const payload = new Uint8Array(6 * SIZE)
    const [high, low] = query.bytes
    for (let at = 0; at < payload.length; at += SIZE) {
      payload[at] = high!
      payload[at + 1] = at === 3 * SIZE ? low! : low! ^ 1
    }
    const bytes = datagram(version, payload)
    const first = HEADERS[version] + payloadInFirst
    const meta = { segmentSize: SIZE, checksumVerified: true, checksumPartial: true }
    lab.device.inject(bytes, meta, [first])
    lab.poll()
    expect(readAll(socket)).toEqual([[...payload.subarray(3 * SIZE, 4 * SIZE)]])
    expect(statistics.drops.wrongId).toBe(5)
  })
})
