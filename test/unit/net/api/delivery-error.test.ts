/**
 * What an application is told for each ICMP message about a datagram of its own (RFC 792, RFC 1122
 * §3.2.2.1, RFC 4443 §3).
 */
import { beforeEach, describe, expect, it } from 'vitest'
import { DeliveryError } from '../../../../net/api/delivery-error.ts'
import { icmpFrom } from '../../../support/icmp-lab.ts'
import { address } from '../../../support/interface-harness.ts'
import { PEERS, sentDatagrams, UdpLab } from '../../../support/udp-lab.ts'

let lab: UdpLab
let errors: DeliveryError[]
beforeEach(() => {
  lab = new UdpLab()
  errors = []
})

describe.each([4, 6] as const)('over IPv%i', (version) => {
  const peer = PEERS[version]
  const router = version === 4 ? '192.0.2.77' : '2001:db8:9::77'

  /**
   * What the endpoint hears when `type` and `code` come back from the router about what it has
   * sent.
   */
  function hear(type: number, code: number, rest = 0): DeliveryError | undefined {
    const note = (error: DeliveryError) => errors.push(error)
    const socket = lab.udp.open({
      settings: { fragmentation: 'never' },
      handler: {
        onReadable: () => {},
        onError: (_socket, error, report) => note(new DeliveryError(error, report, 7, false)),
        onTooBig: (_socket, error, report) => note(new DeliveryError(error, report, 7, false)),
      },
    })
    socket.send(address(peer), 7, new Uint8Array(1_000), 0, 1_000)
    const [frame] = lab.takeSent().filter((sent) => sentDatagrams([sent]).length > 0)
    lab.deliver(icmpFrom(version, type, code, rest, frame!.bytes.subarray(14), { source: router }))
    return errors[0]
  }

  const cases: [string, number, number][] =
    version === 4
      ? [
          ['refused', 3, 3],
          ['refused', 3, 2],
          ['unreachable', 3, 0],
          ['unreachable', 3, 1],
          ['unreachable', 3, 13],
          ['unreachable', 12, 0],
          ['time-exceeded', 11, 0],
        ]
      : [
          ['refused', 1, 4],
          ['refused', 4, 1],
          ['unreachable', 1, 0],
          ['unreachable', 1, 1],
          ['unreachable', 1, 3],
          ['unreachable', 4, 0],
          ['time-exceeded', 3, 0],
        ]
  it.each(cases)('%s is type %i, code %i', (code, icmpType, icmpCode) => {
    expect(hear(icmpType, icmpCode)).toMatchObject({
      ...{ code, icmpType, icmpCode, hostname: peer, port: 7, reporter: router, mtuBytes: 0 },
      name: 'DeliveryError',
    })
    expect(errors[0]!.message).toContain(`${peer} port 7`)
    expect(errors[0]!.message).toContain(`(reported by ${router})`)
  })

  it('message-too-large comes with the MTU of the path', () => {
    const [type, code] = version === 4 ? [3, 4] : [2, 0]
    const error = hear(type!, code!, 1_400)
    expect(error).toMatchObject({ code: 'message-too-large', mtuBytes: 1_400 })
    expect(error!.message).toContain('1400 bytes')
  })
})
