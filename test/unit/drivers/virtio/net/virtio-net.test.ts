import { describe, expect, it } from 'vitest'
import { buildTcpFrame } from '../../../../fakes/fake-frames.ts'
import { bytesOf, createReceivedFrame, openNet } from '../../../../fakes/open-devices.ts'

describe('bring-up', () => {
  it('takes all offloads that QEMU offers on a TAP, and says why not the rest', () => {
    const { net, device } = openNet()
    const description = net.describe()
    expect(description.negotiated).toEqual([
      'CSUM',
      'GUEST_CSUM',
      'MAC',
      'GUEST_TSO4',
      'GUEST_TSO6',
      'GUEST_ECN',
      'HOST_TSO4',
      'HOST_TSO6',
      'HOST_ECN',
      'MRG_RXBUF',
      'STATUS',
      'INDIRECT_DESC',
      'EVENT_IDX',
      'VERSION_1',
    ])
    expect(description.refused).toEqual({
      CTRL_GUEST_OFFLOADS: 'not used by this driver',
      GUEST_UFO: 'not used by this driver',
      HOST_UFO: 'not used by this driver',
      CTRL_VQ: 'not used by this driver',
      CTRL_RX: 'not used by this driver',
      CTRL_VLAN: 'not used by this driver',
      GUEST_ANNOUNCE: 'not used by this driver',
      CTRL_MAC_ADDR: 'not used by this driver',
      RING_RESET: 'not used by this driver',
    })
    expect(description.interruptMode).toBe('msix')
    expect(device.statusWrites).toEqual([0, 1, 3, 11, 15])
    expect(net.capabilities).toEqual({
      maxTransmissionUnit: 1500,
      checksum: { ipv4: 3, tcp: 0, udp: 0, icmpv4: 3, icmpv6: 3 },
      segmentation: { tcpv4: 65535, tcpv6: 65535 },
    })
    expect([...net.hardwareAddress]).toEqual([0x52, 0x54, 0, 0x12, 0x34, 0x56])
  })

  it('moves a frame in each direction', () => {
    const { net, device } = openNet()
    const wire: Uint8Array[] = []
    device.onFrame = (frame) => wire.push(frame)
    const { bytes } = buildTcpFrame({ payloadLength: 100 })
    const frame = net.acquireTransmit()!
    frame.header.bytes.set(bytes, frame.headerOffset)
    frame.headerLength = bytes.length
    net.commitTransmit(frame)
    net.flushTransmit()
    expect(wire).toEqual([bytes])
    device.deliver(bytes)
    const received = createReceivedFrame()
    expect(net.receive(received)).toBe(true)
    expect(bytesOf(received)).toEqual(bytes)
    net.releaseReceive(received)
    expect(net.receive(received)).toBe(false)
  })
})
