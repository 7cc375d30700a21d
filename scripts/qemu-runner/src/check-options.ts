/**
 * Launch options that cannot work, found before QEMU starts: one line with the cause and the next
 * step.
 */
import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { checkStorage } from './check-storage.ts'
import type { NetworkOptions, TapNetwork, VmOptions } from './options.ts'
import { checkFile, oneOf, refuse } from './refusal.ts'

/** Every option there is; the compiler finds one that is missing here. */
const OPTIONS: Readonly<Record<keyof VmOptions, true>> = {
  kernel: true,
  initrd: true,
  append: true,
  architecture: true,
  machine: true,
  machineProperties: true,
  cpu: true,
  bios: true,
  firmware: true,
  accel: true,
  accelProof: true,
  memoryMiB: true,
  processors: true,
  disks: true,
  startFrom: true,
  incoming: true,
  sharedFolders: true,
  network: true,
  entropyDevice: true,
  serialPorts: true,
  gdb: true,
  paused: true,
  timeoutMs: true,
  name: true,
  binary: true,
  extraArguments: true,
}

/** Longer ones become 1 ms in Node's timers. */
const MAX_TIMER_MS = 2 ** 31 - 1
/** sun_path of a unix socket, without its final zero. */
const MAX_SOCKET_PATH = 107
const QUEUE_SIZES = [256, 512, 1024]
const MIN_MTU = 68
const MAX_16_BIT = 65535

/** Throws LaunchError for the first option that cannot work. */
export function checkOptions(options: VmOptions): void {
  for (const name of Object.keys(options)) {
    if (!(name in OPTIONS)) refuse(`there is no option "${name}"; ${suggestion(name)}`)
  }
  oneOf('architecture', options.architecture, ['x86_64', 'aarch64', 'riscv64'])
  checkMachine(options)
  oneOf('accel', options.accel, ['auto', 'kvm', 'tcg'])
  checkFile('kernel', options.kernel)
  checkFile('initrd', options.initrd)
  // QEMU looks for a bare name among its own firmware.
  if (options.bios?.includes('/') === true) checkFile('bios', options.bios)
  if (options.kernel === undefined) {
    for (const name of ['initrd', 'append'] as const) {
      if (options[name] !== undefined) refuse(`${name} needs a kernel; give one, or leave it out`)
    }
  }
  const { append, memoryMiB, processors, timeoutMs } = options
  if (append !== undefined && typeof append !== 'string' && !isRecord(append)) {
    refuse('append is neither text nor keys; give "ip=dhcp quiet" or { ip: "dhcp", quiet: true }')
  }
  if (memoryMiB !== undefined && !(Number.isSafeInteger(memoryMiB) && memoryMiB > 0)) {
    refuse(`memoryMiB is ${memoryMiB}; give a whole number of MiB, e.g. 64`)
  }
  if (processors !== undefined && !(Number.isSafeInteger(processors) && processors > 0)) {
    refuse(`processors is ${processors}; give a whole number, e.g. 2`)
  }
  if (timeoutMs !== undefined && !(timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS)) {
    refuse(`timeoutMs is ${timeoutMs}; give milliseconds, more than 0 and at most ${MAX_TIMER_MS}`)
  }
  if (options.gdb?.socketPath !== undefined) checkSocketPath(options.gdb.socketPath)
  checkStorage(options)
  checkNetworks(options.network ?? [])
}

function checkMachine({ architecture = 'x86_64', machine, accel }: VmOptions): void {
  const machines = architecture === 'x86_64' ? ['q35', 'microvm'] : ['virt']
  if (machine !== undefined && !machines.includes(machine)) {
    refuse(`machine is ${machine}; give ${machines.join(' or ')}, those of ${architecture}`)
  }
  if (accel === 'kvm' && architecture !== 'x86_64') {
    refuse(`accel is kvm, which runs no ${architecture} guest here; give tcg, or leave it out`)
  }
}

function isRecord(value: unknown): boolean {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function checkNetworks(networks: readonly NetworkOptions[]): void {
  const owners = new Map<string, number>()
  for (const [index, network] of networks.entries()) {
    const it = `network ${index}`
    if (!['tap', 'user', 'lan', 'none'].includes(network.kind)) {
      refuse(`${it} is of kind ${network.kind}; give tap, user, lan or none`)
    }
    if (network.mac !== undefined) checkMac(it, network.mac)
    checkDevice(it, network)
    if (network.capture !== undefined && !existsSync(dirname(resolve(network.capture.path)))) {
      refuse(`${it} captures to ${network.capture.path}, whose folder does not exist; create it`)
    }
    if (network.kind === 'tap') checkQueues(it, network)
    if (network.kind === 'lan' && network.lan.isClosed) {
      refuse(`${it} has a LAN that was closed; make another`)
    }
    if (network.kind === 'tap' && !network.namespace.isOpen) {
      refuse(`${it} is in namespace ${network.namespace.label}, which was closed; make another`)
    }
    if (network.kind === 'user') {
      for (const { guestPort, hostPort } of network.forwards ?? []) {
        if (!isPort(guestPort, 1)) refuse(`${it} forwards guest port ${guestPort}; give 1 to 65535`)
        if (hostPort !== undefined && !isPort(hostPort, 0)) {
          refuse(`${it} forwards host port ${hostPort}; give 0 (any free one) to 65535`)
        }
      }
    }
    const mac = network.mac?.toLowerCase()
    const other = mac === undefined ? undefined : owners.get(mac)
    if (other !== undefined) refuse(`networks ${other} and ${index} share MAC ${mac}; change one`)
    if (mac !== undefined) owners.set(mac, index)
  }
}

function checkMac(it: string, mac: string): void {
  if (!/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(mac)) {
    refuse(`${it} has MAC ${mac}; give six octets, e.g. 52:54:00:12:34:56`)
  }
  if (Number.parseInt(mac.slice(0, 2), 16) & 1) {
    refuse(`${it} has MAC ${mac}, which is a group address; make the first octet even`)
  }
}

function checkDevice(it: string, network: NetworkOptions): void {
  const { rxQueueSize, txQueueSize, hostMtu } = network.device ?? {}
  for (const [name, size] of Object.entries({ rxQueueSize, txQueueSize })) {
    if (size !== undefined && !QUEUE_SIZES.includes(size)) {
      refuse(`${it} has ${name} ${size}; give 256, 512 or 1024`)
    }
  }
  if (
    hostMtu !== undefined &&
    !(Number.isInteger(hostMtu) && hostMtu >= MIN_MTU && hostMtu <= MAX_16_BIT)
  ) {
    refuse(`${it} has hostMtu ${hostMtu}; give ${MIN_MTU} to ${MAX_16_BIT}`)
  }
}

/** QEMU's own limit (MAX_TAP_QUEUES). */
const MAX_TAP_QUEUES = 1024

function checkQueues(it: string, { queues = 1, capture }: TapNetwork): void {
  if (!Number.isInteger(queues) || queues < 1 || queues > MAX_TAP_QUEUES) {
    refuse(`${it} has ${queues} queues; give 1 to ${MAX_TAP_QUEUES}`)
  }
  if (queues > 1 && capture !== undefined) {
    refuse(`${it} has ${queues} queues, which QEMU cannot capture; capture at the TAP`)
  }
}

function checkSocketPath(path: string): void {
  const octets = Buffer.byteLength(path)
  if (octets > MAX_SOCKET_PATH) {
    refuse(`gdb.socketPath: its path has ${octets} octets; at most ${MAX_SOCKET_PATH} fit a socket`)
  }
  if (!existsSync(dirname(resolve(path)))) {
    refuse(`gdb.socketPath is ${path}, whose folder does not exist; create it`)
  }
}

function isPort(port: number, least: number): boolean {
  return Number.isInteger(port) && port >= least && port <= MAX_16_BIT
}

/** The option whose letters are nearest, or all of them. */
function suggestion(name: string): string {
  const distances = Object.keys(OPTIONS).map((option) => ({
    option,
    distance: editDistance(name.toLowerCase(), option.toLowerCase()),
  }))
  const nearest = distances.reduce((a, b) => (b.distance < a.distance ? b : a))
  return nearest.distance <= 2
    ? `${nearest.option} was perhaps meant`
    : `there are ${Object.keys(OPTIONS).join(', ')}`
}

/** Levenshtein's: how many letters to insert, remove or change. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const change = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, change))
    }
    row = next
  }
  return row[b.length]!
}
