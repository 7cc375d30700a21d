/**
 * What the driver tells the device by commands, and what becomes of devices that refuse, lie or
 * never answer (virtio 1.4 §5.1.6.5).
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { buildTcpFrame } from '../../../../fakes/fake-frames.ts'
import { DEFAULT_NET_FEATURES, type NetFeatureName } from '../../../../fakes/fake-virtio-net.ts'
import {
  createReceivedFrame,
  DEVICE_KINDS,
  type OpenNet,
  openNet,
  useDeviceKind,
  useRingFormat,
} from '../../../../fakes/open-devices.ts'

const COAL = (...more: NetFeatureName[]) => [...DEFAULT_NET_FEATURES, ...more]
const GUEST_CSUM = 1
const GUEST_TSO4 = 7
const GUEST_TSO6 = 8
const GUEST_ECN = 9

function group(last: number): Uint8Array {
  return Uint8Array.of(0x33, 0x33, 0, 0, last >> 8, last & 0xff)
}

/** One turn as the event loop does it. */
function turn({ interrupts, net }: OpenNet): void {
  interrupts.dispatch()
  const frame = createReceivedFrame()
  while (net.rx.receive(frame)) net.rx.release(frame)
}

function switchOffload({ net }: OpenNet, name: string, on: boolean): string[] {
  const told: string[] = []
  net.settings!.switchOffload(name, on, (problem) => told.push(problem))
  return told
}

describe.each(DEVICE_KINDS)('the control queue, %s:', (kind) => {
  beforeEach(() => useDeviceKind(kind))
  afterEach(() => useRingFormat('split'))

  describe('receive filters', () => {
    it('let everything through until somebody says what is wanted', () => {
      const { device } = openNet()
      expect(device.control.promiscuous).toBe(true)
      expect(device.control.groups).toEqual([])
    })

    it('follow the groups, and leave the promiscuous mode last', () => {
      const { net, device } = openNet()
      net.settings!.filterGroups([group(1), group(2)])
      expect(device.control.commands).toEqual(['2.0', '1.0', '0.1', '0.0'])
      expect(device.control).toMatchObject({
        promiscuous: false,
        allMulticast: false,
        groups: ['33:33:00:00:00:01', '33:33:00:00:00:02'],
      })
      net.settings!.filterGroups([group(2)])
      expect(device.control.groups).toEqual(['33:33:00:00:00:02'])
    })

    it('drop frames to other stations and groups, and none of ours', () => {
      const open = openNet()
      const { net, device } = open
      device.filters = true
      net.settings!.filterGroups([group(5)])
      const { bytes } = buildTcpFrame({ payloadLength: 10 })
      const targets = [
        [...net.hardwareAddress],
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        [...group(5)],
        [...group(6)],
        [0x52, 0x54, 0, 1, 2, 3],
      ]
      const frame = createReceivedFrame()
      const received = targets.map((target) => {
        const copy = bytes.slice()
        copy.set(target)
        device.deliver(copy)
        if (!net.rx.receive(frame)) return false
        net.rx.release(frame)
        return true
      })
      expect(received).toEqual([true, true, true, false, false])
    })

    it('take all groups when there are more than 64, and the table again when there are fewer', () => {
      const { net, device } = openNet()
      const groups = (count: number) => Array.from({ length: count }, (_, i) => group(i))
      net.settings!.filterGroups(groups(64))
      expect(device.control).toMatchObject({ allMulticast: false, promiscuous: false })
      expect(device.control.groups).toHaveLength(64)
      net.settings!.filterGroups(groups(65))
      expect(device.control).toMatchObject({ allMulticast: true, promiscuous: false })
      net.settings!.filterGroups(groups(3))
      expect(device.control).toMatchObject({ allMulticast: false, promiscuous: false })
      expect(device.control.groups).toHaveLength(3)
    })

    it.each([
      ['the table: all groups', ['1.0'], { allMulticast: true, promiscuous: false }],
      ['both: the promiscuous mode stays', ['1.0', '0.1'], { promiscuous: true }],
      ['to leave the promiscuous mode: more is received', ['0.0'], { promiscuous: true }],
    ])('where a device refuses %s', (_title, refused, state) => {
      const { net, device } = openNet()
      for (const name of refused) device.control.refused.add(name)
      net.settings!.filterGroups([group(1)])
      expect(device.control).toMatchObject(state)
      expect(Object.keys(net.statistics.controlRefusals)).toHaveLength(refused.length)
    })

    it('let frames with a priority and no VLAN through, and those of VLANs not', () => {
      const { device } = openNet()
      expect(device.control.vlans).toEqual([0])
    })
  })

  describe('the hardware address', () => {
    const invented = { hardwareAddress: [0x03, 0, 0, 0, 0, 1] }

    it('is told where the guest had to make it up, before frames to others are dropped', () => {
      const { net, device } = openNet(invented)
      net.settings!.filterGroups([])
      const text = [...net.hardwareAddress].map((it) => it.toString(16).padStart(2, '0')).join(':')
      expect(device.control.address).toBe(text)
      expect(device.control.commands[0]).toBe('1.1')
      expect(device.control.promiscuous).toBe(false)
      expect(net.describe().negotiated).toContain('CTRL_MAC_ADDR')
    })

    it('that the device refuses leaves it promiscuous: else nothing would arrive', () => {
      const open = openNet(invented)
      open.device.control.refused.add('1.1')
      open.device.requestReset()
      turn(open)
      open.net.settings!.filterGroups([group(1)])
      expect(open.device.control).toMatchObject({ promiscuous: true, address: null })
    })

    it('of the device is not set', () => {
      const { net, device } = openNet()
      expect(device.control.address).toBeNull()
      expect(net.describe().refused.CTRL_MAC_ADDR).toBe("the device's own address is used")
    })
  })

  describe('receive offloads', () => {
    it('are switched off and on again while running (§5.1.6.5.6)', () => {
      const open = openNet()
      const { device, net } = open
      expect(switchOffload(open, 'GUEST_TSO4', false)).toEqual([''])
      expect(device.control.offloads).toEqual([GUEST_CSUM, GUEST_TSO6, GUEST_ECN])
      expect([...net.settings!.offloadsInForce]).toEqual(['GUEST_CSUM', 'GUEST_TSO6', 'GUEST_ECN'])
      expect(switchOffload(open, 'GUEST_TSO4', true)).toEqual([''])
      expect(device.control.offloads).toEqual([GUEST_CSUM, GUEST_TSO4, GUEST_TSO6, GUEST_ECN])
    })

    it('end with what they require, and do not begin without it', () => {
      const open = openNet()
      expect(switchOffload(open, 'GUEST_CSUM', false)).toEqual([''])
      expect(open.device.control.offloads).toEqual([])
      expect(switchOffload(open, 'GUEST_ECN', true)).toEqual([
        'GUEST_ECN requires GUEST_TSO4 or GUEST_TSO6',
      ])
      expect(switchOffload(open, 'GUEST_CSUM', true)).toEqual([''])
      expect(open.device.control.offloads).toEqual([GUEST_CSUM])
    })

    it.each<[string, readonly NetFeatureName[], string]>([
      [
        'what was not negotiated',
        DEFAULT_NET_FEATURES.filter((it) => it !== 'GUEST_TSO6'),
        'GUEST_TSO6 was not negotiated',
      ],
      [
        'a device that cannot switch',
        DEFAULT_NET_FEATURES.filter((it) => it !== 'CTRL_GUEST_OFFLOADS'),
        'the device has no CTRL_GUEST_OFFLOADS',
      ],
    ])('of %s are not switched, with the reason', (_title, features, problem) => {
      const open = openNet({ features })
      expect(switchOffload(open, 'GUEST_TSO6', false)).toEqual([problem])
    })

    it('that the device refuses to switch stay as they are', () => {
      const open = openNet()
      open.device.control.behavior = 'error'
      expect(switchOffload(open, 'GUEST_TSO4', false)).toEqual(['the device refuses it'])
      expect(open.net.settings!.offloadsInForce.has('GUEST_TSO4')).toBe(true)
      expect(open.net.statistics.controlRefusals).toEqual({ GUEST_OFFLOADS_SET: 1 })
    })

    it('are switched again after a reset, and filters set', () => {
      const open = openNet()
      open.net.settings!.filterGroups([group(1)])
      switchOffload(open, 'GUEST_TSO4', false)
      open.device.requestReset()
      turn(open)
      turn(open)
      expect(open.net.statistics.deviceResets).toBe(1)
      expect(open.device.control.offloads).toEqual([GUEST_CSUM, GUEST_TSO6, GUEST_ECN])
      expect(open.device.control).toMatchObject({ promiscuous: false })
      expect(open.device.control.groups).toEqual(['33:33:00:00:00:01'])
    })
  })

  describe('an announcement', () => {
    it('that the host asks for is made, then acknowledged, each time (§5.1.6.5.4)', () => {
      const open = openNet()
      const order: string[] = []
      open.net.onAnnounce = () => {
        order.push(`announced, ${open.device.control.announcementsAcknowledged} acknowledged`)
      }
      for (let round = 0; round < 2; round++) {
        open.device.askForAnnouncement()
        turn(open)
      }
      expect(order).toEqual(['announced, 0 acknowledged', 'announced, 1 acknowledged'])
      expect(open.device.control.announcementsAcknowledged).toBe(2)
      expect(open.net.link.isUp).toBe(true)
    })
  })

  describe('coalescing', () => {
    it.each<[string, NetFeatureName[], string]>([
      ['NOTF_COAL: of all receive queues', ['NOTF_COAL'], '6.1'],
      ['VQ_NOTF_COAL: of the one queue', ['NOTF_COAL', 'VQ_NOTF_COAL'], '6.2'],
    ])('is set as wanted with %s (§5.1.6.5.7)', (_title, features, command) => {
      const { device } = openNet({ features: COAL(...features) }, null, 250)
      expect(device.control.receiveDelayUs).toBe(250)
      expect(device.control.commands).toContain(command)
    })

    it('is not negotiated unless somebody wants it', () => {
      const { net } = openNet({ features: COAL('NOTF_COAL', 'VQ_NOTF_COAL') })
      expect(net.describe().refused).toMatchObject({
        NOTF_COAL: 'interrupt-delay= is not given',
        VQ_NOTF_COAL: 'interrupt-delay= is not given',
      })
    })
  })

  describe('a device that never answers (V16)', () => {
    function openSilent(): OpenNet {
      const open = openNet()
      open.device.control.behavior = 'silent'
      return open
    }

    it('holds up nothing: frames go both ways, and after a second those who wait are told', () => {
      const open = openSilent()
      const { net, device, hal } = open
      const startNs = hal.nowNs
      const told = switchOffload(open, 'GUEST_TSO4', false)
      expect(hal.nowNs - startNs).toBeLessThan(1e6)
      const { bytes } = buildTcpFrame({ payloadLength: 10 })
      device.deliver(bytes)
      const frame = createReceivedFrame()
      expect(net.rx.receive(frame)).toBe(true)
      net.rx.release(frame)
      expect(told).toEqual([])
      expect(open.runTimer()).toBe(true)
      expect(hal.nowNs - startNs).toBeLessThan(1.1e9)
      expect(told).toEqual(['the device does not answer commands'])
      expect(net.statistics.controlTimeouts).toBe(1)
      expect(open.reports.filter((it) => it.includes('does not answer commands'))).toHaveLength(1)
      expect(net.settings!.offloadsInForce.has('GUEST_TSO4')).toBe(true)
      expect(net.failure).toBe('')
    })

    it('is believed when it answers late, and brought to what is wanted by then', () => {
      const open = openSilent()
      switchOffload(open, 'GUEST_TSO4', false)
      open.runTimer()
      open.device.control.behavior = 'ok'
      open.device.processControl()
      turn(open)
      // The late answer did switch it: what is wanted is as before.
      expect(open.device.control.offloads).toContain(GUEST_TSO4)
      expect([...open.net.settings!.offloadsInForce]).toContain('GUEST_TSO4')
    })

    it('does not grow what is kept: sixteen may wait, the next is refused at once', () => {
      const open = openSilent()
      for (let i = 0; i < 16; i++)
        expect(switchOffload(open, 'GUEST_TSO4', i % 2 === 1)).toEqual([])
      expect(switchOffload(open, 'GUEST_TSO4', false)).toEqual(['16 switches wait already'])
    })

    it('is asked again after a reset', () => {
      const open = openSilent()
      const told = switchOffload(open, 'GUEST_TSO4', false)
      open.device.control.behavior = 'ok'
      open.device.requestReset()
      turn(open)
      expect(told).toEqual(['the device was reset meanwhile'])
      expect(open.device.control.offloads).not.toContain(GUEST_TSO4)
    })
  })

  it('an answer that the specification does not know is a violation: the device is reset', () => {
    const open = openNet()
    open.device.control.behavior = 'garbage'
    switchOffload(open, 'GUEST_TSO4', false)
    open.device.control.behavior = 'ok'
    turn(open)
    expect(open.net.statistics.deviceViolations).toEqual({ controlAnswer: 1 })
    expect(open.net.statistics.deviceResets).toBe(1)
    expect(open.net.link.isUp).toBe(true)
  })

  it('a lost interrupt costs a second and no more: the deadline looks too (V13)', () => {
    const open = openNet()
    open.device.control.behavior = 'silent'
    const told = switchOffload(open, 'GUEST_TSO4', false)
    open.device.faults.losesInterrupts = true
    open.device.control.behavior = 'ok'
    open.device.processControl()
    expect(told).toEqual([])
    open.runTimer()
    expect(told).toEqual([''])
    expect(open.net.statistics.controlTimeouts).toBe(0)
  })

  it('that is refused with the line of its queue when that queue cannot hold a command', () => {
    expect(() => openNet({ controlQueueSize: 2 })).toThrow(/queue 2 is too small with 2/)
  })

  it('is left alone by a device that has none', () => {
    const { net, device } = openNet({ features: ['MAC', 'STATUS', 'VERSION_1'] })
    expect(net.settings).toBeNull()
    expect(device.queues.map((it) => it.enabled)).toEqual([true, true, false])
  })
})
