/** One line, with the next step, for each device that is there and that nobody drives. */
import type { PciFunction } from '../pci/pci-function.ts'
import type { MmioDevice } from './mmio-devices.ts'
import { mmioAddress } from './mmio-transport.ts'
import { virtioDeviceType } from './pci-transport.ts'
import { VirtioDeviceType } from './transport.ts'

export interface UnusedDevice {
  readonly line: string
  /** `warn` for what somebody must have wanted the guest to use. */
  readonly level: 'info' | 'warn'
  readonly isNetwork: boolean
}

const CLASS_NETWORK = 0x02

/** §5: types that QEMU has a device for. */
const TYPE_NAMES: Readonly<Record<number, string>> = {
  1: 'network',
  2: 'block',
  3: 'console',
  4: 'entropy',
  5: 'balloon',
  8: 'SCSI host',
  9: '9P',
  16: 'GPU',
  18: 'input',
  19: 'socket',
  20: 'crypto',
  23: 'IOMMU',
  24: 'memory',
  25: 'sound',
  26: 'file system',
}

const DISK_TYPES = [2, 8]

export interface NetworksInUse {
  /** Where the first is. */
  readonly first: string
  /** So many are driven at most. */
  readonly most: number
}

/** Null for functions that nobody expects to be used, such as the chip set. */
export function explainUnusedFunction(
  pciFunction: PciFunction,
  network: NetworksInUse | null,
): UnusedDevice | null {
  const { address, vendorId, deviceId, classCode } = pciFunction
  const type = virtioDeviceType(pciFunction)
  if (type > 0) return explainUnusedType(type, address, network)
  if (classCode >>> 16 !== CLASS_NETWORK) return null
  return networkLine(
    `network device ${address} (${hex(vendorId)}:${hex(deviceId)}) is not used: ` +
      'it is not a virtio device; use -device virtio-net-pci,netdev=... instead',
  )
}

/** For what was put in while the guest runs, elsewhere than where a driver has lost its device. */
export function describeArrival(pciFunction: PciFunction): string {
  const { address, vendorId, deviceId, classCode } = pciFunction
  const isNetwork = classCode >>> 16 === CLASS_NETWORK
  const place = isNetwork ? ', or put it where one was removed, with the same mac=' : ''
  return (
    `${isNetwork ? 'network device' : 'device'} ${address} (${hex(vendorId)}:${hex(deviceId)}) ` +
    `was added and is not used; restart the guest to use it${place}`
  )
}

export function explainMmioDevice(
  device: MmioDevice,
  network: NetworksInUse | null,
): UnusedDevice | null {
  return explainUnusedType(device.deviceType, mmioAddress(device), network)
}

/** Of virtio devices, whatever bus they are on. */
function explainUnusedType(
  type: number,
  address: string,
  network: NetworksInUse | null,
): UnusedDevice | null {
  if (type === VirtioDeviceType.Network) {
    if (network === null) return null
    return networkLine(
      `network device ${address} is not used: Eremite drives ${network.most}, the first is ${network.first}; leave it out`,
    )
  }
  if (type === VirtioDeviceType.Console) {
    return otherLine(
      `console device ${address} is not used: it is for PCAP= only; leave it out, or name its port so`,
    )
  }
  return type === VirtioDeviceType.Entropy ? null : otherLine(undrivenLine(type, address))
}

function undrivenLine(type: number, place: string): string {
  const name = TYPE_NAMES[type] ?? `type ${type}`
  // Firmware and GRUB may have started the guest from it.
  const unless = DISK_TYPES.includes(type) ? ', unless the machine starts from it' : ''
  return `virtio device ${place} (${name}) is not used: Eremite has no driver for it; leave it out${unless}`
}

function networkLine(line: string): UnusedDevice {
  return { line, level: 'warn', isNetwork: true }
}

function otherLine(line: string): UnusedDevice {
  return { line, level: 'info', isNetwork: false }
}

function hex(id: number): string {
  return id.toString(16).padStart(4, '0')
}
