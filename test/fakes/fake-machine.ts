/**
 * A whole machine for tests: platform, PCI hierarchy, firmware tables, network device and entropy
 * device.
 */
import { FakeHal, type FakeHalOptions } from './fake-hal.ts'
import { FakeInterrupts } from './fake-interrupts.ts'
import { buildAcpiTables, FakePciFunction, FakePciHost } from './fake-pci.ts'
import { FakeRootPort } from './fake-root-port.ts'
import { FakeVirtioConsole, type FakeVirtioConsoleOptions } from './fake-virtio-console.ts'
import type { FakeVirtioDevice } from './fake-virtio-device.ts'
import { FakeVirtioNet, type FakeVirtioNetOptions } from './fake-virtio-net.ts'
import { FakeVirtioRng, type FakeVirtioRngOptions } from './fake-virtio-rng.ts'

export interface FakeMachineOptions extends FakeVirtioNetOptions {
  readonly hal?: FakeHalOptions
  /** q35 with BARs set (SeaBIOS) or left at 0 (qboot), or microvm, which never sets any. */
  readonly firmware?: 'seabios' | 'qboot' | 'microvm'
  /** Absent = no entropy device. */
  readonly rng?: FakeVirtioRngOptions
  /** Absent = no console device. */
  readonly console?: FakeVirtioConsoleOptions
  /** The network device sits behind a root port. */
  readonly behindBridge?: boolean
}

export interface FakeMachine {
  readonly hal: FakeHal
  readonly interrupts: FakeInterrupts
  readonly host: FakePciHost
  readonly device: FakeVirtioNet
  readonly rng: FakeVirtioRng | null
  readonly console: FakeVirtioConsole | null
  readonly rootPort: FakeRootPort | null
}

const ACPI_ADDRESS = 0xe0000
const NET_DEVICE = 2
const RNG_DEVICE = 3
const PORT_DEVICE = 4
const CONSOLE_DEVICE = 5

export function createFakeMachine(options: FakeMachineOptions = {}): FakeMachine {
  const isMicrovm = options.firmware === 'microvm'
  const ecamAddress = isMicrovm ? 0xe0000000 : 0xb0000000
  const hal = new FakeHal({ acpiRootPointer: ACPI_ADDRESS, ...options.hal })
  hal.addFirmware(ACPI_ADDRESS, buildAcpiTables(ACPI_ADDRESS, ecamAddress))
  const host = new FakePciHost(hal, ecamAddress)
  host.add(
    new FakePciFunction(
      isMicrovm
        ? { vendorId: 0x1b36, deviceId: 0x0008, classCode: 0x060000 }
        : { vendorId: 0x8086, deviceId: 0x29c0, classCode: 0x060000 },
    ),
    0,
  )
  const rootPort = options.behindBridge ? new FakeRootPort(host) : null
  const device = new FakeVirtioNet(hal, host, {
    globalInterrupt: interruptOf(isMicrovm, rootPort === null ? NET_DEVICE : PORT_DEVICE),
    ...options,
  })
  if (rootPort !== null) host.add(rootPort, PORT_DEVICE)
  if (device.mmio === null) {
    host.add(device.pciFunction, rootPort === null ? NET_DEVICE : 0, 0, rootPort)
  }
  const rng = options.rng === undefined ? null : new FakeVirtioRng(hal, host, options.rng)
  if (rng !== null) host.add(rng.pciFunction, RNG_DEVICE)
  const consoleDevice =
    options.console === undefined ? null : new FakeVirtioConsole(hal, host, options.console)
  if (consoleDevice !== null) host.add(consoleDevice.pciFunction, CONSOLE_DEVICE)
  if ((options.firmware ?? 'seabios') === 'seabios') {
    actAsSeabios([device, rng, consoleDevice], rootPort)
  }
  const interrupts = new FakeInterrupts(hal)
  return { hal, interrupts, host, device, rng, console: consoleDevice, rootPort }
}

/** Pin A of a slot on the root bus, by QEMU 7.2's wiring. */
function interruptOf(isMicrovm: boolean, device: number): number {
  return (isMicrovm ? 16 : 20) + (device & 3)
}

function actAsSeabios(
  devices: readonly (FakeVirtioDevice | null)[],
  rootPort: FakePciFunction | null,
): void {
  let next = 0xfe000000 - 0x100000
  if (rootPort !== null) {
    rootPort.write(0x18, 4, 0x00010100)
    rootPort.write(0x20, 4, 0xfdf0fdf0)
    rootPort.command = 7
  }
  for (const device of devices) {
    if (device === null) continue
    for (const bar of device.pciFunction.options.bars ?? []) {
      next = Math.ceil(next / bar.sizeBytes) * bar.sizeBytes
      device.pciFunction.setBarAddress(bar.index, next)
      next += bar.sizeBytes
    }
    device.pciFunction.command = 7
  }
}
