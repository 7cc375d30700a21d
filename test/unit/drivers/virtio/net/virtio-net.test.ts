/**
 * Bringing the network device up: what is negotiated, what the stack is promised, what a person is
 * told (virtio 1.4 §5.1.5).
 */
import { describe, expect, it } from 'vitest'
import { buildTcpFrame } from '../../../../fakes/fake-frames.ts'
import { DEFAULT_NET_FEATURES, type NetFeatureName } from '../../../../fakes/fake-virtio-net.ts'
import { bytesOf, createReceivedFrame, openNet } from '../../../../fakes/open-devices.ts'
import { recordOf } from '../../../../support/transmit-records.ts'

function without(...names: NetFeatureName[]) {
  return DEFAULT_NET_FEATURES.filter((it) => !names.includes(it))
}

describe('VirtioNet', () => {
  it('takes all offloads that QEMU offers on a TAP, and says why not the rest', () => {
    const { net } = openNet()
    const description = net.describe()
    expect(description.negotiated.join(' ')).toBe(
      'CSUM GUEST_CSUM CTRL_GUEST_OFFLOADS MAC GUEST_TSO4 GUEST_TSO6 GUEST_ECN HOST_TSO4 HOST_TSO6 HOST_ECN MRG_RXBUF STATUS CTRL_VQ CTRL_RX CTRL_VLAN GUEST_ANNOUNCE INDIRECT_DESC EVENT_IDX VERSION_1',
    )
    expect(description.offered).toHaveLength(DEFAULT_NET_FEATURES.length)
    expect(Object.keys(description.refused).join(' ')).toBe(
      'GUEST_UFO HOST_UFO CTRL_MAC_ADDR RING_RESET',
    )
    expect(new Set(Object.values(description.refused))).toEqual(
      new Set(['not used by this driver', "the device's own address is used"]),
    )
    expect(description).toMatchObject({ interruptMode: 'msix', transmitFrames: 256 })
    expect([...net.hardwareAddress]).toEqual([0x52, 0x54, 0, 0x12, 0x34, 0x56])
    expect(JSON.parse(JSON.stringify(description))).toEqual(description)
    expect(JSON.parse(JSON.stringify(net.statistics))).toMatchObject({ transmittedFrames: 0 })
  })

  it('keeps the order of §3.1.1: no notification before DRIVER_OK (the fake throws), one pass', () => {
    const { device } = openNet()
    expect(device.statusWrites).toEqual([0, 1, 3, 11, 15])
  })

  it.each<[string, readonly NetFeatureName[], readonly string[] | null, number, object]>([
    ['everything', DEFAULT_NET_FEATURES, null, 0, { tcpv4: 65535, tcpv6: 65535 }],
    [
      'USO too',
      [...DEFAULT_NET_FEATURES, 'HOST_USO'],
      null,
      0,
      { tcpv4: 65535, tcpv6: 65535, udpv4: 65535, udpv6: 65535 },
    ],
    ['csum=off, USO offered all the same', [...without('CSUM'), 'HOST_USO'], null, 2, {}],
    ['csum=off, TSO offered all the same', without('CSUM'), null, 2, {}],
    ['guest_csum=off', without('GUEST_CSUM'), null, 1, { tcpv4: 65535, tcpv6: 65535 }],
    ['no vnet header', ['MAC', 'STATUS', 'VERSION_1'], null, 3, {}],
    ['offload=none', DEFAULT_NET_FEATURES, [], 3, {}],
    ['offload=csum', DEFAULT_NET_FEATURES, ['csum'], 1, {}],
    [
      'offload=csum,tso6',
      DEFAULT_NET_FEATURES,
      ['csum', 'tso6'],
      1,
      { tcpv6: 65535, congestionWindowReduced: false },
    ],
    ['offload=tso4', DEFAULT_NET_FEATURES, ['tso4'], 3, {}],
    ['host_tso4=off', without('HOST_TSO4'), null, 0, { tcpv6: 65535 }],
  ])(
    'promises the stack what was negotiated: %s',
    (_name, features, accepted, work, segmentation) => {
      const { net } = openNet({ features }, accepted === null ? null : new Set(accepted))
      const joins = accepted === null && features.includes('GUEST_CSUM')
      expect(net.capabilities).toEqual({
        maxTransmissionUnit: 1500,
        // ChecksumWork: 3 both, 1 receive only, 2 transmit only, 0 none; IP and ICMP are never the
        // device's.
        checksum: { ipv4: 3, tcp: work, udp: work, icmpv4: 3, icmpv6: 3 },
        segmentation,
        coalescing: { tcpv4: joins, tcpv6: joins },
      })
    },
  )

  it.each<[string, readonly NetFeatureName[]]>([
    ['all features', DEFAULT_NET_FEATURES],
    ['event_idx=off', without('EVENT_IDX')],
    ['indirect_desc=off', without('INDIRECT_DESC')],
    ['mrg_rxbuf=off', without('MRG_RXBUF')],
    ['nothing but VERSION_1', ['VERSION_1']],
  ])('moves frames in both directions with %s, in any memory', (_name, features) => {
    for (const arenaPhysicalAddress of [0x1000000, 0xfff00000, 0x12_3456_7000]) {
      const { net, device } = openNet({ features, hal: { arenaPhysicalAddress } })
      const wire: Uint8Array[] = []
      device.onFrame = (frame) => wire.push(frame)
      const received = createReceivedFrame()
      for (let i = 0; i < 20; i++) {
        const { bytes } = buildTcpFrame({ payloadLength: i * 70, sequence: i })
        expect(net.tx.submit(recordOf(bytes))).toBe(true)
        net.tx.flush()
        net.tx.reclaim()
        device.deliver(bytes)
        expect(net.rx.receive(received)).toBe(true)
        expect(Buffer.compare(bytesOf(received), bytes)).toBe(0)
        net.rx.release(received)
        expect(Buffer.compare(wire[i]!, bytes)).toBe(0)
      }
    }
  })

  it('reports a bit that it does not know', () => {
    const { net } = openNet({ extraFeatureBits: [49, 71] })
    expect(net.describe().refused).toMatchObject({
      'bit 49': 'unknown to this driver',
      'bit 71': 'unknown to this driver',
    })
  })
})
