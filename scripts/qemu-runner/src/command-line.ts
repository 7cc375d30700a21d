/**
 * Launch options to QEMU's argument vector: a pure function, so that it can be tested word by word.
 */
import type {
  Architecture,
  Machine,
  NetworkOptions,
  SerialPort,
  VirtioNetProperties,
  VmOptions,
} from './options.ts'
import { escapeValue } from './quote.ts'
import { diskArguments, firmwareArguments, sharedFolderArguments } from './storage-arguments.ts'

/** Descriptors the child inherits, in the order `launch` creates them. */
export interface InheritedDescriptors {
  readonly qmp: number
  readonly console: number
  readonly events: number
  readonly gdb?: number
  /** One a LAN back end, by its index in `options.network`. */
  readonly lans: ReadonlyMap<number, number>
}

const MACHINE_DEFAULTS: Record<Machine, readonly string[]> = {
  q35: [],
  microvm: ['pcie=on'],
  virt: [],
}

/** `max` came to QEMU's riscv64 later than its other processors. */
const PROCESSORS: Record<Architecture, string> = { x86_64: 'max', aarch64: 'max', riscv64: 'rv64' }

/** The virtio-serial port that stands in for the debug console where a machine has no such port. */
const EVENTS_PORT = 'qemu-runner.events'

/** Identifiers of a guest's network devices: `nic0`, `nic1`, … */
export function networkDeviceId(index: number): string {
  return `nic${index}`
}

export function buildCommandLine(
  options: VmOptions,
  accelerator: 'kvm' | 'tcg',
  descriptors: InheritedDescriptors,
): string[] {
  const architecture = options.architecture ?? 'x86_64'
  const machine = options.machine ?? (architecture === 'x86_64' ? 'q35' : 'virt')
  const properties = Object.entries(options.machineProperties ?? {}).map(([k, v]) => `${k}=${v}`)
  const words = [
    '-machine',
    [machine, ...MACHINE_DEFAULTS[machine], ...properties, `accel=${accelerator}`].join(','),
    '-cpu',
    options.cpu ?? (accelerator === 'kvm' ? 'host' : PROCESSORS[architecture]),
    '-m',
    String(options.memoryMiB ?? 64),
    ...(options.processors === undefined ? [] : ['-smp', String(options.processors)]),
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    // A triple fault ends the run instead of looping for ever.
    '-no-reboot',
  ]
  if (options.bios !== undefined) words.push('-bios', options.bios)
  words.push(...firmwareArguments(options.firmware))
  if (options.kernel !== undefined) words.push('-kernel', options.kernel)
  if (options.initrd !== undefined) words.push('-initrd', options.initrd)
  const { append: given = {} } = options
  const append = typeof given === 'string' ? given : kernelCommandLine(given)
  if (append !== '' && options.kernel !== undefined) words.push('-append', append)
  if (options.paused === true || options.gdb?.wait === true) words.push('-S')
  words.push(
    ...['-chardev', `socket,id=qmp,fd=${descriptors.qmp}`, '-mon', 'chardev=qmp,mode=control'],
    ...['-chardev', `socket,id=console,fd=${descriptors.console}`, '-serial', 'chardev:console'],
    ...['-chardev', `socket,id=events,fd=${descriptors.events}`],
    ...eventArguments(architecture),
  )
  for (const [index, network] of (options.network ?? []).entries()) {
    words.push(...networkArguments(network, index, descriptors))
  }
  if (options.entropyDevice === true) {
    words.push('-object', 'rng-builtin,id=rng0', '-device', 'virtio-rng-pci,rng=rng0')
  }
  words.push(...serialArguments(options.serialPorts ?? []))
  words.push(...diskArguments(options.disks ?? []))
  words.push(...sharedFolderArguments(options.sharedFolders ?? []))
  if (options.startFrom !== undefined) words.push('-loadvm', options.startFrom)
  if (options.incoming === true) words.push('-incoming', 'defer')
  if (options.gdb?.socketPath !== undefined) {
    words.push(
      '-chardev',
      `socket,id=gdb,path=${escapeValue(options.gdb.socketPath)},server=on,wait=off`,
    )
    words.push('-gdb', 'chardev:gdb')
  } else if (descriptors.gdb !== undefined) {
    words.push('-chardev', `socket,id=gdb,fd=${descriptors.gdb}`, '-gdb', 'chardev:gdb')
  }
  words.push(...(options.extraArguments ?? []))
  return words
}

/** Port 0xe9 and isa-debug-exit are of x86 machines only. */
function eventArguments(architecture: Architecture): string[] {
  if (architecture === 'x86_64') {
    return [
      ...['-device', 'isa-debugcon,iobase=0xe9,chardev=events'],
      ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'],
    ]
  }
  return [
    ...['-device', 'virtio-serial-pci,id=runner-serial'],
    ...['-device', `virtserialport,bus=runner-serial.0,chardev=events,name=${EVENTS_PORT}`],
  ]
}

/** `{ ip: '10.0.0.2/24', quiet: true }` to `ip=10.0.0.2/24 quiet`. */
export function kernelCommandLine(
  append: Readonly<Record<string, string | number | boolean>>,
): string {
  const words: string[] = []
  for (const [key, value] of Object.entries(append)) {
    if (value === false) continue
    const word = value === true ? key : `${key}=${value}`
    if (/\s/.test(word)) {
      throw new TypeError(`Cannot build a kernel command line: "${word}" contains white space`)
    }
    words.push(word)
  }
  return words.join(' ')
}

function networkArguments(
  network: NetworkOptions,
  index: number,
  descriptors: InheritedDescriptors,
): string[] {
  const backEnd = `net${index}`
  const words: string[] = []
  switch (network.kind) {
    case 'tap': {
      const header = network.vnetHeader === false ? ',vnet_hdr=off' : ''
      const queues = network.queues === undefined ? '' : `,queues=${network.queues}`
      words.push(
        '-netdev',
        `tap,id=${backEnd},ifname=${network.interfaceName},script=no,downscript=no${header}${queues}`,
      )
      break
    }
    case 'user': {
      const guest = network.guestAddress ?? '10.0.2.15'
      const forwards = (network.forwards ?? []).map(
        (forward) =>
          `,hostfwd=${forward.protocol}:127.0.0.1:${forward.hostPort ?? 0}-${guest}:${forward.guestPort}`,
      )
      words.push('-netdev', `user,id=${backEnd}${forwards.join('')}`)
      break
    }
    case 'lan': {
      const descriptor = descriptors.lans.get(index)
      if (descriptor === undefined) {
        throw new Error(`Cannot attach network ${index}: its LAN has no descriptor`)
      }
      words.push('-netdev', `socket,id=${backEnd},fd=${descriptor}`)
      break
    }
    case 'none':
      // A hub with one port: the device sees a back end whose frames go nowhere.
      words.push('-netdev', `hubport,id=${backEnd},hubid=${index}`)
      break
  }
  if (network.capture !== undefined) {
    const limit = network.capture.maxBytes ?? 262144
    words.push(
      '-object',
      `filter-dump,id=dump${index},netdev=${backEnd},file=${escapeValue(network.capture.path)},maxlen=${limit}`,
    )
  }
  const isMmio = network.device?.transport === 'mmio'
  const mac = network.mac ?? `52:54:00:12:34:${(0x56 + index).toString(16).padStart(2, '0')}`
  words.push(
    '-device',
    [
      isMmio ? 'virtio-net-device' : 'virtio-net-pci',
      `id=${networkDeviceId(index)}`,
      `netdev=${backEnd}`,
      `mac=${mac}`,
      ...deviceProperties(network.device ?? {}),
    ].join(','),
  )
  // Without it QEMU offers the interface of before virtio 1.0.
  if (isMmio) words.push('-global', 'virtio-mmio.force-legacy=false')
  return words
}

function serialArguments(ports: readonly SerialPort[]): string[] {
  if (ports.length === 0) return []
  // Without ioeventfd a notification returns once the data is written: a guest or a QEMU that ends
  // then loses nothing.
  const words = ['-device', 'virtio-serial-pci,id=serial0,ioeventfd=off']
  for (const [index, { name, path }] of ports.entries()) {
    words.push('-chardev', `file,id=port${index},path=${escapeValue(path)}`)
    words.push('-device', `virtserialport,bus=serial0.0,chardev=port${index},name=${name}`)
  }
  return words
}

const SWITCHES: readonly [keyof VirtioNetProperties, string][] = [
  ['csum', 'csum'],
  ['guestCsum', 'guest_csum'],
  ['hostTso4', 'host_tso4'],
  ['hostTso6', 'host_tso6'],
  ['hostEcn', 'host_ecn'],
  ['hostUfo', 'host_ufo'],
  ['guestTso4', 'guest_tso4'],
  ['guestTso6', 'guest_tso6'],
  ['guestEcn', 'guest_ecn'],
  ['guestUfo', 'guest_ufo'],
  ['mrgRxbuf', 'mrg_rxbuf'],
  ['eventIdx', 'event_idx'],
  ['indirectDesc', 'indirect_desc'],
  ['status', 'status'],
  ['ctrlVq', 'ctrl_vq'],
  ['packed', 'packed'],
  ['mq', 'mq'],
  ['rss', 'rss'],
  ['hash', 'hash'],
  ['iommuPlatform', 'iommu_platform'],
  ['rxQueueSize', 'rx_queue_size'],
  ['txQueueSize', 'tx_queue_size'],
  ['hostMtu', 'host_mtu'],
  ['disableLegacy', 'disable-legacy'],
  ['vectors', 'vectors'],
]

/** Only a device on PCI has an option ROM. */
function deviceProperties(device: VirtioNetProperties): string[] {
  const words: string[] = device.transport === 'mmio' ? [] : [`romfile=${device.romfile ?? ''}`]
  for (const [option, property] of SWITCHES) {
    const value = device[option]
    if (value === undefined) continue
    words.push(`${property}=${typeof value === 'boolean' ? (value ? 'on' : 'off') : value}`)
  }
  return words
}
