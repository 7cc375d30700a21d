/** Echo, discard and chargen over UDP (RFC 862, 863, 864), on a stack of their own. */
import { beforeEach, describe, expect, it } from 'vitest'
import {
  CHARGEN_DATAGRAMS,
  DISCARD_DATAGRAMS,
  ECHO_DATAGRAMS,
} from '../../../../../kernel/userland/services/datagram-services.ts'
import { BROADCAST_MAC } from '../../../../support/interface-harness.ts'
import { datagram, sentDatagrams, UdpLab } from '../../../../support/udp-lab.ts'

let lab: UdpLab
beforeEach(() => {
  lab = new UdpLab()
})

describe.each([4, 6] as const)('over IPv%i', (version) => {
  it('echo sends back what came, to where it came from', () => {
    lab.udp.open({ port: 7, handler: ECHO_DATAGRAMS })
    for (const length of [0, 1, 1000, version === 4 ? 1472 : 1452]) {
      const payload = Array.from({ length }, (_, index) => (index * 7) & 0xff)
      const [answer, ...more] = sentDatagrams(lab.deliver(datagram(version, payload)))
      expect(more).toEqual([])
      expect(answer).toMatchObject({ sourcePort: 7, destinationPort: 5000, payload })
    }
  })

  it('echo answers all of a burst, later when the device is full, and drops what is too much', () => {
    const socket = lab.udp.open({ port: 7, handler: ECHO_DATAGRAMS })
    lab.device.room = 0
    for (let index = 0; index < 600; index++) lab.deliver(datagram(version, [index & 0xff]))
    // One queue's worth waits to go, one to be answered.
    expect(socket.receiveDrops).toBe(600 - 512)
    lab.device.room = Number.POSITIVE_INFINITY
    const answers = sentDatagrams(lab.takeSent()).map(({ payload }) => payload[0])
    expect(answers).toEqual(Array.from({ length: 512 }, (_, index) => index & 0xff))
  })

  it('echo needs one turn of the stack for a datagram, not two', () => {
    lab.udp.open({ port: 7, handler: ECHO_DATAGRAMS })
    lab.device.inject(datagram(version, [1]))
    expect(lab.host.poll(lab.nowMs)).toBe(false)
    expect(sentDatagrams(lab.device.takeSent())).toHaveLength(1)
    expect(lab.udp.nextDeadlineMs(lab.nowMs)).toBe(Number.POSITIVE_INFINITY)
  })

  it('echo sends what came in a burst back in its order, whatever the device takes at first', () => {
    lab.udp.open({ port: 7, handler: ECHO_DATAGRAMS })
    lab.device.room = 3
    for (let index = 0; index < 20; index++) lab.device.inject(datagram(version, [index]))
    lab.host.poll(lab.nowMs)
    const first = sentDatagrams(lab.device.takeSent())
    lab.device.room = Number.POSITIVE_INFINITY
    const all = [...first, ...sentDatagrams(lab.takeSent())].map(({ payload }) => payload[0])
    expect(first).toHaveLength(3)
    expect(all).toEqual(Array.from({ length: 20 }, (_, index) => index))
  })

  it('discard answers nothing and keeps nothing', () => {
    const socket = lab.udp.open({ port: 9, handler: DISCARD_DATAGRAMS })
    expect(lab.deliver(datagram(version, [1, 2], { destinationPort: 9 }))).toEqual([])
    expect(socket.receivedCount()).toBe(0)
    expect(lab.udp.statistics.datagramsReceived).toBe(1)
  })

  it('chargen answers each datagram with 0 to 512 characters of the pattern', () => {
    lab.udp.open({ port: 19, handler: CHARGEN_DATAGRAMS })
    const lengths = new Set<number>()
    for (let round = 0; round < 50; round++) {
      const sent = lab.deliver(datagram(version, [1, 2], { destinationPort: 19 }))
      const [answer] = sentDatagrams(sent)
      expect(answer!.payload.length).toBeLessThanOrEqual(512)
      const text = Buffer.from(answer!.payload).toString('latin1')
      expect(' !"#$%&\'()*+'.startsWith(text.slice(0, 12))).toBe(true)
      lengths.add(text.length)
    }
    expect(lengths.size).toBeGreaterThan(10)
  })

  it.each([
    ['echo', 7, ECHO_DATAGRAMS],
    ['chargen', 19, CHARGEN_DATAGRAMS],
  ])(
    '%s answers no service that would answer back, and nobody at port 0',
    (_name, port, handler) => {
      const socket = lab.udp.open({ port, handler })
      for (const sourcePort of [0, 7, 9, 11, 13, 17, 19, 37]) {
        const sent = lab.deliver(datagram(version, [1], { sourcePort, destinationPort: port }))
        expect(sent).toEqual([])
      }
      expect(socket.receivedCount()).toBe(0)
      const twin = datagram(version, [1], { sourcePort: 38, destinationPort: port })
      expect(lab.deliver(twin)).toHaveLength(1)
    },
  )
})

it('a broadcast is not answered: all who hear it would', () => {
  lab.udp.open({ port: 7, handler: ECHO_DATAGRAMS })
  const toAll = { destination: '10.0.0.255', destinationMac: BROADCAST_MAC }
  expect(lab.deliver(datagram(4, [1], toAll))).toEqual([])
  expect(lab.udp.statistics.datagramsReceived).toBe(1)
})

it('echo answers where each datagram came from, whose turn it ever is', () => {
  for (const port of [7, 8]) lab.udp.open({ port, handler: ECHO_DATAGRAMS })
  for (let index = 0; index < 48; index++) {
    const version = index % 5 < 3 ? 4 : 6
    const ports = { sourcePort: 5000 + (index % 3), destinationPort: 7 + (index % 2) }
    const sent = lab.deliver(datagram(version, [index], ports))
    expect(sentDatagrams(sent)).toEqual([
      expect.objectContaining({
        ...{ version, payload: [index] },
        ...{ sourcePort: ports.destinationPort, destinationPort: ports.sourcePort },
      }),
    ])
  }
})
