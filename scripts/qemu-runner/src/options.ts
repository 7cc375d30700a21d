/** What a caller may ask of a guest: the typed launch options and nothing that acts on them. */
import type { Lan } from './lan/lan.ts'
import type { NetworkNamespace } from './netns/network-namespace.ts'
import type { Disk, FlashFirmware, SharedFolder } from './storage-options.ts'

export type Accelerator = 'kvm' | 'tcg'
export type AcceleratorRequest = 'auto' | Accelerator

export interface AcceleratorChoice {
  readonly accelerator: Accelerator
  /** For people: why this one. */
  readonly why: string
}

/**
 * The guest to prove KVM with: it must exit cleanly (status 33) before the deadline, and not much
 * later than the same guest under TCG does.
 */
export interface AcceleratorProof {
  /** Defaults to a tiny image made by this package, which enters 64-bit mode and exits. */
  readonly guest?: Pick<VmOptions, 'kernel' | 'append' | 'machine' | 'memoryMiB' | 'cpu'>
  /** Defaults to 5,000 ms. */
  readonly deadlineMs?: number
  /** The device file; only tests change it. */
  readonly device?: string
}

export type Architecture = 'x86_64' | 'aarch64' | 'riscv64'

/** `virt` is the machine of aarch64 and riscv64, the others are those of x86_64. */
export type Machine = 'q35' | 'microvm' | 'virt'

/** Properties of `virtio-net-pci`; what is left out keeps QEMU's default. */
export interface VirtioNetProperties {
  csum?: boolean
  guestCsum?: boolean
  hostTso4?: boolean
  hostTso6?: boolean
  hostEcn?: boolean
  hostUfo?: boolean
  guestTso4?: boolean
  guestTso6?: boolean
  guestEcn?: boolean
  guestUfo?: boolean
  mrgRxbuf?: boolean
  eventIdx?: boolean
  indirectDesc?: boolean
  status?: boolean
  ctrlVq?: boolean
  packed?: boolean
  /** Several pairs of queues: as many as the back end has. */
  mq?: boolean
  /** QEMU spreads flows over queues as the guest says, and tells the hash of each frame. */
  rss?: boolean
  hash?: boolean
  iommuPlatform?: boolean
  /** 256, 512 or 1024. */
  rxQueueSize?: number
  /** 256 for every back end but vhost-user. */
  txQueueSize?: number
  /** The MTU the device announces (VIRTIO_NET_F_MTU). */
  hostMtu?: number
  /** `true`: modern only (0x1041). `false`: transitional (0x1000). */
  disableLegacy?: boolean
  /** MSI-X vectors; 0 leaves only INTx. */
  vectors?: number
  /** Option ROM file; the default is none, which saves firmware time. */
  romfile?: string
  /**
   * Defaults to `pci`. `mmio`: the modern interface of virtio-mmio, on microvm; properties of PCI
   * do not apply.
   */
  transport?: 'pci' | 'mmio'
}

interface NetworkCommon {
  /** Defaults to 52:54:00:12:34:56 for the first device, counting upwards. */
  mac?: string
  device?: VirtioNetProperties
  /** QEMU's own packet dump (`filter-dump`), a pcap file. */
  capture?: { path: string; maxBytes?: number }
}

export interface PortForward {
  protocol: 'tcp' | 'udp'
  guestPort: number
  /** Defaults to 0: the host's kernel picks a free one; read it with `vm.forwardedPort()`. */
  hostPort?: number
}

/**
 * A TAP that exists in `namespace`; QEMU is started inside that namespace. Offers checksum and TSO.
 */
export interface TapNetwork extends NetworkCommon {
  kind: 'tap'
  namespace: NetworkNamespace
  interfaceName: string
  /** `false` drops the vnet header, and with it every offload. */
  vnetHeader?: boolean
  /** Pairs of queues of a TAP made with `multi_queue`, for a device with `mq`. Default 1. */
  queues?: number
}

/** QEMU's user-mode network: no privileges, no offloads. */
export interface UserNetwork extends NetworkCommon {
  kind: 'user'
  guestAddress?: string
  forwards?: readonly PortForward[]
}

/** This process is the network: raw frames over an inherited descriptor. No offloads. */
export interface LanNetwork extends NetworkCommon {
  kind: 'lan'
  lan: Lan
}

/** A device without a back end: its link is up, its frames go nowhere. */
export interface DetachedNetwork extends NetworkCommon {
  kind: 'none'
}

export type NetworkOptions = TapNetwork | UserNetwork | LanNetwork | DetachedNetwork

/**
 * What the guest writes to the port of this name lies in the file as soon as the guest has handed
 * it over.
 */
export interface SerialPort {
  name: string
  /**
   * Absolute: QEMU need not run in this process's folder. Made anew, or a FIFO that somebody reads.
   */
  path: string
}

/**
 * `true` puts the stub on an inherited descriptor; a path makes it a unix socket that gdb can
 * attach to.
 */
export interface GdbOptions {
  socketPath?: string
  /** Hold the guest until gdb says `continue`. */
  wait?: boolean
}

export interface VmOptions {
  /** Image for `-kernel`; without one the firmware runs alone. */
  kernel?: string
  initrd?: string
  /**
   * Kernel command line: as it is, or by keys: `key=value`, `true` becomes the bare key, `false`
   * leaves it out.
   */
  append?: string | Readonly<Record<string, string | number | boolean>>
  /** Defaults to `x86_64`; others are run by their own QEMU, `qemu-system-aarch64` say. */
  architecture?: Architecture
  /** Defaults to `q35`, and to `virt` where the architecture is not x86_64. */
  machine?: Machine
  /** Extra machine properties, e.g. `{ acpi: 'off' }`. */
  machineProperties?: Readonly<Record<string, string>>
  /** Defaults to `max` under TCG and `host` under KVM. */
  cpu?: string
  bios?: string
  /** UEFI in flash, instead of `bios`. */
  firmware?: FlashFirmware
  /** Defaults to `tcg`. `auto` takes KVM only when a 64-bit guest has reported back from it. */
  accel?: AcceleratorRequest
  accelProof?: AcceleratorProof
  memoryMiB?: number
  /** Defaults to 1. */
  processors?: number
  /** Firmware tries them in their order. */
  disks?: readonly Disk[]
  /** The name of a snapshot to start from, as `vm.saveSnapshot` has saved it in these `disks`. */
  startFrom?: string
  /**
   * Runs nothing of its own and waits for the guest that another's `migrateTo` sends; all other
   * options are those of that one, but for files, TAPs and LANs.
   */
  incoming?: boolean
  sharedFolders?: readonly SharedFolder[]
  network?: readonly NetworkOptions[]
  /** Adds virtio-rng-pci. */
  entropyDevice?: boolean
  /** Named ports of one virtio-serial device, each a file that the guest writes. */
  serialPorts?: readonly SerialPort[]
  gdb?: GdbOptions
  /** Start with the processors stopped; `vm.qmp.execute('cont')` lets them go. */
  paused?: boolean
  /** Kill the guest after this long; the exit info then says `timeout`. */
  timeoutMs?: number
  /** Named in time-out messages and test output. */
  name?: string
  /** The QEMU binary; `QEMU_RUNNER_BINARY` wins over it. */
  binary?: string
  /** Further QEMU arguments, appended as they are. */
  extraArguments?: readonly string[]
}
