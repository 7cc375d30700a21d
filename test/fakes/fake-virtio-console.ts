/**
 * A console device with named ports for tests (virtio 1.4 §5.3): plays QEMU's part, and fails on
 * what a driver must not do.
 */
import type { FakeHal } from './fake-hal.ts'
import type { FakePciHost } from './fake-pci.ts'
import { FakeVirtioDevice } from './fake-virtio-device.ts'
import type { DeviceFaults } from './fake-virtio-device-options.ts'
import type { Chain, FakeVirtqueue } from './fake-virtqueue.ts'
import { Violation } from './violation.ts'

export interface FakePort {
  readonly id: number
  readonly name?: string
  /** Somebody at the host listens from the start; true when absent. */
  readonly isOpen?: boolean
  readonly isConsole?: boolean
}

export interface FakeVirtioConsoleOptions {
  readonly ports?: readonly FakePort[]
  readonly maxPorts?: number
  readonly features?: bigint
  readonly queueSize?: number
  readonly transitional?: boolean
  readonly faults?: DeviceFaults
  /** Control messages are taken and never answered. */
  readonly isSilent?: boolean
  /** Control messages are not even taken. */
  readonly isDeaf?: boolean
}

interface HeldBuffer {
  readonly queue: FakeVirtqueue
  readonly chain: Chain
  readonly port: number
  /** What was in it when the device got it: the driver must leave it so. */
  readonly content: readonly Uint8Array[]
}

const DEFAULT_FEATURES = (1n << 32n) | (1n << 29n) | (1n << 28n) | 0b111n
const CONTROL_RECEIVE = 2
const CONTROL_TRANSMIT = 3

const DEVICE_READY = 0
const PORT_ADD = 1
const PORT_REMOVE = 2
const PORT_READY = 3
const CONSOLE_PORT = 4
const PORT_OPEN = 6
const PORT_NAME = 7

export class FakeVirtioConsole extends FakeVirtioDevice {
  /** What the driver said, as [port, event, value]. */
  readonly messages: [number, number, number][] = []
  /** What arrived at each port. */
  readonly received = new Map<number, number[]>()
  /** Lengths of the buffers that arrived at each port. */
  readonly buffers = new Map<number, number[]>()
  /** Ports whose buffers are kept instead of read, as by a host that does not look. */
  readonly throttled = new Set<number>()
  /** Buffers kept back, in order. */
  readonly held: HeldBuffer[] = []
  /** Messages that found no buffer: as in QEMU they are lost. */
  lostMessages = 0
  private readonly ports: readonly FakePort[]
  private readonly behavior: FakeVirtioConsoleOptions
  private isReady = false
  private readonly announced = new Set<number>()
  private readonly ready = new Set<number>()
  private readonly opened = new Set<number>()

  constructor(hal: FakeHal, host: FakePciHost, options: FakeVirtioConsoleOptions = {}) {
    const maxPorts = options.maxPorts ?? 4
    const config = new Uint8Array(12)
    new DataView(config.buffer).setUint32(4, maxPorts, true)
    super(hal, host, {
      deviceType: 3,
      transitionalId: 0x1003,
      features: options.features ?? DEFAULT_FEATURES,
      queueSizes: Array.from(
        { length: 2 * (Math.min(maxPorts, 31) + 1) },
        () => options.queueSize ?? 64,
      ),
      config,
      vectors: 2,
      ...(options.faults === undefined ? {} : { faults: options.faults }),
      ...(options.transitional === undefined ? {} : { transitional: options.transitional }),
    })
    this.behavior = options
    this.ports = options.ports ?? []
  }

  bytesOf(port: number): Uint8Array {
    return Uint8Array.from(this.received.get(port) ?? [])
  }

  /** The host's side of a port opens or closes; on closing, what nobody has read is thrown away. */
  setHostOpen(port: number, isOpen: boolean): void {
    if (!isOpen) this.releaseHeld(port, false)
    this.tell(port, PORT_OPEN, isOpen ? 1 : 0)
  }

  addPort(port: number, name: string): void {
    this.announced.add(port)
    this.tell(port, PORT_ADD, 1)
    this.tellName(port, name)
  }

  removePort(port: number): void {
    this.tell(port, PORT_REMOVE, 1)
  }

  /** Sends the bytes of a control message as they are. */
  tellRaw(bytes: Uint8Array, claimedLength = bytes.length): void {
    const queue = this.queues[CONTROL_RECEIVE]!
    const chain = queue.take()
    if (chain === null) {
      this.lostMessages++
      return
    }
    const [part] = chain.parts
    if (chain.parts.length !== 1 || part?.deviceWrites !== true) {
      throw new Violation('a control receive buffer that is not one writable part')
    }
    part.bytes.set(bytes.subarray(0, part.bytes.length))
    queue.giveBack(chain, claimedLength)
    if (queue.publish()) this.interruptQueue(queue)
  }

  tell(port: number, event: number, value: number): void {
    this.tellRaw(controlMessage(port, event, value))
  }

  tellName(port: number, name: string): void {
    const text = new TextEncoder().encode(`${name}\0`)
    const message = new Uint8Array(8 + text.length)
    message.set(controlMessage(port, PORT_NAME, 1))
    message.set(text, 8)
    this.tellRaw(message)
  }

  /** Gives back what was kept, in the order that `pick` makes of it; read, or thrown away. */
  releaseHeld(port: number, isRead = true, reverse = false): void {
    const mine = this.held.filter((entry) => entry.port === port)
    this.held.splice(0, this.held.length, ...this.held.filter((entry) => entry.port !== port))
    const ordered = reverse ? [...mine].reverse() : mine
    for (const entry of ordered) this.giveBackHeld(entry, isRead)
    ordered[0]?.queue.publish()
  }

  /** Reads and gives back the oldest buffer that was kept. */
  releaseOldest(port: number): void {
    const index = this.held.findIndex((entry) => entry.port === port)
    const [oldest] = index < 0 ? [] : this.held.splice(index, 1)
    if (oldest === undefined) return
    this.giveBackHeld(oldest, true)
    oldest.queue.publish()
  }

  private giveBackHeld({ queue, chain, port, content }: HeldBuffer, isRead: boolean): void {
    chain.parts.forEach(({ bytes }, index) => {
      if (Buffer.compare(bytes, content[index]!) !== 0) {
        throw new Violation(`a buffer of port ${port} changed while the device had it`)
      }
    })
    if (isRead) this.read(port, chain)
    queue.giveBack(chain, 0)
  }

  protected override onReset(): void {
    this.isReady = false
    this.announced.clear()
    this.ready.clear()
    this.opened.clear()
    this.held.length = 0
  }

  protected override onNotify(queue: FakeVirtqueue): void {
    if (queue.number === CONTROL_TRANSMIT) this.takeControl(queue)
    else if (queue.number % 2 === 1) this.takeData(queue)
  }

  private takeControl(queue: FakeVirtqueue): void {
    if (this.behavior.isDeaf === true) return
    for (let chain = queue.take(); chain !== null; chain = queue.take()) {
      const [part] = chain.parts
      if (chain.parts.length !== 1 || part === undefined || part.deviceWrites) {
        throw new Violation('a control message that is not one readable part')
      }
      if (part.bytes.length !== 8) throw new Violation(`a control message of ${part.bytes.length}`)
      const view = new DataView(part.bytes.buffer, part.bytes.byteOffset, 8)
      const message: [number, number, number] = [
        view.getUint32(0, true),
        view.getUint16(4, true),
        view.getUint16(6, true),
      ]
      this.messages.push(message)
      this.check(...message)
      if (this.behavior.isSilent !== true) this.answer(...message)
      queue.giveBack(chain, 0)
    }
    queue.wantNotifications(true)
    if (queue.publish()) this.interruptQueue(queue)
  }

  /** What a driver may say, and when (§5.3.6.2). */
  private check(port: number, event: number, value: number): void {
    if (event === DEVICE_READY) {
      if (this.isReady || value !== 1) throw new Violation(`DEVICE_READY ${value} again or failed`)
      this.isReady = true
      return
    }
    if (!this.isReady) throw new Violation(`event ${event} before DEVICE_READY`)
    if (event === PORT_READY) {
      if (!this.announced.has(port)) throw new Violation(`PORT_READY of port ${port}, never added`)
      if (value === 1) this.ready.add(port)
      return
    }
    if (event !== PORT_OPEN) throw new Violation(`event ${event} is not the driver's to send`)
    if (!this.ready.has(port)) throw new Violation(`PORT_OPEN of port ${port}, which is not ready`)
    if (value === 1) this.opened.add(port)
    else this.opened.delete(port)
  }

  /** As QEMU does it (hw/char/virtio-serial-bus.c). */
  private answer(id: number, event: number, value: number): void {
    if (event === DEVICE_READY) {
      for (const port of this.ports) {
        this.announced.add(port.id)
        this.tell(port.id, PORT_ADD, 1)
      }
      return
    }
    if (event !== PORT_READY || value !== 1) return
    const port = this.ports.find((candidate) => candidate.id === id)
    if (port === undefined) return
    if (port.isConsole === true) this.tell(id, CONSOLE_PORT, 1)
    if (port.name !== undefined) this.tellName(id, port.name)
    if (port.isOpen !== false) this.tell(id, PORT_OPEN, 1)
  }

  private takeData(queue: FakeVirtqueue): void {
    const port = queue.number === 1 ? 0 : (queue.number - 3) / 2
    if (!this.opened.has(port)) throw new Violation(`data on port ${port}, which is not open`)
    for (let chain = queue.take(); chain !== null; chain = queue.take()) {
      if (chain.parts.some((part) => part.deviceWrites)) {
        throw new Violation('"The driver MUST NOT put a device-writable buffer in a transmitq"')
      }
      if (this.throttled.has(port)) {
        const content = chain.parts.map(({ bytes }) => bytes.slice())
        this.held.push({ queue, chain, port, content })
        continue
      }
      this.read(port, chain)
      queue.giveBack(chain, 0)
    }
    queue.wantNotifications(true)
    if (queue.publish()) this.interruptQueue(queue)
  }

  private read(port: number, chain: Chain): void {
    const bytes = this.received.get(port) ?? []
    const lengths = this.buffers.get(port) ?? []
    for (const part of chain.parts) {
      for (const byte of part.bytes) bytes.push(byte)
      lengths.push(part.bytes.length)
    }
    this.received.set(port, bytes)
    this.buffers.set(port, lengths)
  }
}

export function controlMessage(port: number, event: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, port, true)
  view.setUint16(4, event, true)
  view.setUint16(6, value, true)
  return bytes
}
