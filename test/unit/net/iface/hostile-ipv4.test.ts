/** IPv4 packets that must not matter (RFC 791, RFC 1122 §3.2.1). */
import { describe, expect, it } from 'vitest'
import { concat, ipv4, mac } from '../../../support/frames.ts'
import {
  corpus,
  echo,
  expectDropped,
  expectPrefixesDropped,
  expectTwinAnswered,
  four,
  harness,
  type Reason,
  setUpHarness,
  VALID,
} from '../../../support/hostile-corpus.ts'
import * as lab from '../../../support/interface-harness.ts'
import { BROADCAST_MAC, OUR_IPV4, PEER_IPV4 } from '../../../support/interface-harness.ts'

setUpHarness()

describe('IPv4', () => {
  const words = (count: number) => () => four({ headerWords: count, checksum: 0 })
  const option = (...options: number[]) => {
    const padded = [...options, ...new Array<number>((4 - (options.length % 4)) % 4).fill(0)]
    return () => four({ options: padded })
  }
  corpus('ipv4', [
    ['version 0', () => four({ version: 0 }), 'ipv4Malformed'],
    ['version 5', () => four({ version: 5 }), 'ipv4Malformed'],
    ['version 6', () => four({ version: 6 }), 'ipv4Malformed'],
    ...[0, 1, 2, 3, 4].map((count): [string, () => Uint8Array, Reason] => [
      `a header of ${count} words (smoltcp 0.13.1)`,
      words(count),
      'ipv4Malformed',
    ]),
    ['a header longer than the packet', words(15), 'ipv4Malformed'],
    [
      'a total length below the header (CVE-2021-31401)',
      () => four({ totalLength: 19 }),
      'ipv4Malformed',
    ],
    ['a total length of 0', () => four({ totalLength: 0 }), 'ipv4Malformed'],
    ['a total length beyond the frame', () => four({ totalLength: 32 }), 'ipv4Malformed'],
    ['the reserved flag', () => four({ flagsAndOffset: 0x8000 }), 'ipv4Malformed'],
    ['a bad header checksum', () => four({ checksum: 0x1234 }), 'ipv4BadChecksum'],
    ['a zero header checksum', () => four({ checksum: 0 }), 'ipv4BadChecksum'],
    ...[
      ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '224.0.0.1', '239.9.9.9', '240.0.0.1'],
      ...['255.255.255.255', '10.0.0.255', OUR_IPV4],
    ].map((source): [string, () => Uint8Array, Reason] => [
      `source ${source}`,
      () => four({ source }),
      'ipv4BadSource',
    ]),
    ['a packet to another host', () => four({ destination: '10.0.0.3' }), 'ipv4NotForUs'],
    ['a packet to a group not joined', () => four({ destination: '224.0.0.251' }), 'ipv4NotForUs'],
    ['a packet to 127.0.0.1', () => four({ destination: '127.0.0.1' }), 'ipv4NotForUs'],
    ['an option of length 0', option(7, 0), 'ipv4BadOptions'],
    ['an option of length 1', option(68, 1), 'ipv4BadOptions'],
    ['an option longer than the header', option(30, 39), 'ipv4BadOptions'],
    ['an option without a length', option(1, 1, 1, 7), 'ipv4BadOptions'],
    ['a record route pointer of 3', option(7, 7, 3, 0, 0, 0, 0), 'ipv4BadOptions'],
    ['a timestamp pointer of 4', option(68, 8, 4, 0xf0, 0, 0, 0, 0), 'ipv4BadOptions'],
    ['a loose source route', option(131, 7, 4, 10, 0, 0, 7), 'ipv4SourceRoute'],
    ['a strict source route', option(137, 7, 4, 10, 0, 0, 7), 'ipv4SourceRoute'],
    ['two source routes (CVE-2019-12256)', option(131, 3, 4, 131, 3, 4, 0, 0), 'ipv4SourceRoute'],
    [
      'a fragment that ends beyond 65535',
      () => four({ flagsAndOffset: 0x1fff }),
      'fragmentMalformed',
    ],
    [
      'a fragment of 11 octets that is not the last',
      () => four({ flagsAndOffset: 0x2000 }),
      'fragmentMalformed',
    ],
    ['a last fragment without octets', () => four({ flagsAndOffset: 1 }, []), 'fragmentMalformed'],
  ])

  it('drops a packet cut anywhere', () => {
    expectPrefixesDropped(VALID.ipv4(), VALID.ipv4().length, ['frameTruncated', 'ipv4Malformed'])
    expectTwinAnswered('ipv4')
  })

  it('survives record route and timestamp options that are full, and answers', () => {
    expect(harness.deliver(option(7, 7, 8, 1, 2, 3, 4)())).toHaveLength(1)
    expect(harness.deliver(option(68, 4, 5, 0xf0)())).toHaveLength(1)
  })

  it('never unpacks IP in IP (CVE-2020-11896)', () => {
    let packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 1 }, echo)
    for (let depth = 0; depth < 8; depth++) {
      packet = ipv4({ source: PEER_IPV4, destination: OUR_IPV4, protocol: 4 }, packet)
    }
    const [reply] = harness.deliver(lab.fromPeer(0x800, packet))
    // Protocol unreachable, and nothing else.
    expect([...reply!.bytes.subarray(34, 36)]).toEqual([3, 2])
    expect(harness.iface.counters.echoReplies).toBe(0)
  })

  it('never answers with an error what went to a group, or what is an error', () => {
    const group = four({ protocol: 99, destination: '10.0.0.255' })
    expectDropped(concat(mac(BROADCAST_MAC), group.subarray(6)), 'transportUnknown')
    expectDropped(
      concat(mac(BROADCAST_MAC), four({ protocol: 99 }).subarray(6)),
      'ipv4InGroupFrame',
    )
  })
})
