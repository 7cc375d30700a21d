/**
 * Brings the real drivers up on a fake machine, as the kernel's composition root does on a real
 * one.
 */
import { openPciBus, type PciBus } from '../../drivers/pci/pci-bus.ts'
import { SharedInterruptLines } from '../../drivers/shared-interrupt-lines.ts'
import {
  VirtioConsole,
  type VirtioConsoleOptions,
} from '../../drivers/virtio/console/virtio-console.ts'
import { findMmioDevices } from '../../drivers/virtio/mmio-devices.ts'
import { MmioTransport } from '../../drivers/virtio/mmio-transport.ts'
import { describeNetEvent } from '../../drivers/virtio/net/net-event.ts'
import { VirtioNet } from '../../drivers/virtio/net/virtio-net.ts'
import { findVirtioFunctions, PciTransport } from '../../drivers/virtio/pci-transport.ts'
import { VirtioRng } from '../../drivers/virtio/rng/virtio-rng.ts'
import { VirtioDeviceType } from '../../drivers/virtio/transport.ts'
import type { ReceivedFrame } from '../../net/phy/net-device.ts'
import { createFakeMachine, type FakeMachine, type FakeMachineOptions } from './fake-machine.ts'

export interface OpenNet extends FakeMachine {
  readonly bus: PciBus
  readonly net: VirtioNet
  /** What the driver reported, one line each. */
  readonly reports: string[]
  /**
   * Advances the clock to the first time that the driver asked to be called at, and calls it; false
   * when there is none.
   */
  readonly runTimer: () => boolean
}

const RING_PACKED_BIT = 34
/** I/O APIC input of a device on virtio-mmio. */
const MMIO_INTERRUPT = 12
let ringFormat: 'split' | 'packed' = 'split'
let isMmio = false

/** Ways to a device that a driver's suite runs on: ring format and transport. */
export const DEVICE_KINDS = [
  'split ring on PCI',
  'packed ring on PCI',
  'split ring on virtio-mmio',
  'packed ring on virtio-mmio',
] as const
export type DeviceKind = (typeof DEVICE_KINDS)[number]

/**
 * What openNet's devices are like from now on: packed rings are offered by a feature, and must then
 * be used.
 */
export function useDeviceKind(kind: DeviceKind): void {
  useRingFormat(kind.startsWith('packed') ? 'packed' : 'split')
  isMmio = kind.endsWith('mmio')
}

/** What rings openNet's devices, on PCI, have from now on. */
export function useRingFormat(format: 'split' | 'packed'): void {
  ringFormat = format
  isMmio = false
}

export function openTransport(machine: FakeMachine, bus: PciBus, deviceType: number): PciTransport {
  const [pciFunction] = findVirtioFunctions(bus, deviceType)
  if (pciFunction === undefined) throw new Error(`no virtio device of type ${deviceType}`)
  return new PciTransport(machine.hal, bus, pciFunction, deviceType)
}

function openMmio({ hal, device }: FakeMachine): MmioTransport {
  const { physicalAddress } = device.mmio!
  const named = [{ physicalAddress, globalInterrupt: MMIO_INTERRUPT }]
  const [found] = findMmioDevices(hal, hal.mapRegisters, named, false)
  if (found === undefined) throw new Error('no virtio-mmio device')
  return new MmioTransport(hal, hal.mapRegisters, new SharedInterruptLines(hal), found)
}

export function openNet(
  options: FakeMachineOptions = {},
  acceptedOffloads: ReadonlySet<string> | null = null,
  interruptDelayUs: number | null = null,
  queuePairs: number | null = null,
  steeringKey: Uint8Array | null = null,
): OpenNet {
  const bits = options.extraFeatureBits ?? []
  const machine = createFakeMachine({
    ...options,
    ...(isMmio ? { isMmio, globalInterrupt: MMIO_INTERRUPT } : {}),
    extraFeatureBits: ringFormat === 'split' ? bits : [...bits, RING_PACKED_BIT],
  })
  const bus = openPciBus(machine.hal, machine.hal.mapRegisters)
  const reports: string[] = []
  const timers: { atNs: number; callback: () => void }[] = []
  const net = new VirtioNet({
    hal: machine.hal,
    transport: isMmio ? openMmio(machine) : openTransport(machine, bus, VirtioDeviceType.Network),
    interrupts: machine.interrupts,
    acceptedOffloads,
    interruptDelayUs,
    queuePairs,
    steeringKey,
    report: (event) => reports.push(describeNetEvent(event)),
    schedule: (atNs, callback) => timers.push({ atNs, callback }),
  })
  const runTimer = () => {
    const timer = timers.sort((a, b) => a.atNs - b.atNs).shift()
    if (timer === undefined) return false
    machine.hal.nowNs = Math.max(machine.hal.nowNs, timer.atNs)
    timer.callback()
    return true
  }
  return { ...machine, bus, net, reports, runTimer }
}

export function openRng(machine: FakeMachine, report?: (message: string) => void): VirtioRng {
  const bus = openPciBus(machine.hal, machine.hal.mapRegisters)
  return new VirtioRng(machine.hal, openTransport(machine, bus, VirtioDeviceType.Entropy), report)
}

export function openConsole(
  machine: FakeMachine,
  report: NonNullable<VirtioConsoleOptions['report']> = () => {},
): VirtioConsole {
  const bus = openPciBus(machine.hal, machine.hal.mapRegisters)
  const transport = openTransport(machine, bus, VirtioDeviceType.Console)
  return new VirtioConsole({ hal: machine.hal, transport, report })
}

/** An empty record for VirtioNet.receive. */
export function createReceivedFrame(): ReceivedFrame {
  return {
    length: 0,
    fragmentCount: 0,
    fragments: [],
    meta: { checksumVerified: false, checksumPartial: false, segmentSize: 0 },
    queueIndex: 0,
  }
}

/** The bytes of a received frame, gathered. */
export function bytesOf(frame: ReceivedFrame): Uint8Array {
  const bytes = new Uint8Array(frame.length)
  let at = 0
  for (let i = 0; i < frame.fragmentCount; i++) {
    const { buffer, offset, length } = frame.fragments[i]!
    bytes.set(buffer.bytes.subarray(offset, offset + length), at)
    at += length
  }
  if (at !== frame.length) throw new Error(`fragments hold ${at} of ${frame.length} bytes`)
  return bytes
}
