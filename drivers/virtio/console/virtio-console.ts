/**
 * The console driver: brings the device up, asks it for its ports, and keeps track of who listens
 * (virtio 1.4 §5.3).
 */
import type { Hal } from '../../hal.ts'
import {
  fail,
  negotiateWithDevice,
  orFail,
  readConsistently,
  resetDevice,
  setDriverOk,
} from '../initialize.ts'
import { negotiateFeatures } from '../negotiate.ts'
import { SplitVirtqueue } from '../split-virtqueue.ts'
import type { VirtioTransport } from '../transport.ts'
import { VirtioError } from '../virtio-error.ts'
import { ConsolePort, type ConsolePortHost } from './console-port.ts'
import { ControlEvent, type ControlMessage } from './control-message.ts'
import { ControlQueues, RECEIVE_SLOTS } from './control-queues.ts'
import { KNOWN_FEATURES, MULTIPORT, SUPPORTED_FEATURES } from './features.ts'

export interface VirtioConsoleOptions {
  readonly hal: Hal
  readonly transport: VirtioTransport
  /** Told, in one line each, why a port or the device is of no use. */
  readonly report?: (message: string) => void
}

const MAX_PORTS_OFFSET = 4
const CONTROL_RECEIVE_QUEUE = 2
const CONTROL_TRANSMIT_QUEUE = 3
/** Each port costs a page for its queue; QEMU numbers them from 1 on (0 is for a virtconsole). */
const MAX_PORTS = 8
const PORT_QUEUE_SIZE = 64
/**
 * The device has told of all its ports when it has said nothing for so long. QEMU says all before
 * it takes the message that asked; others may need a moment.
 */
const QUIET_NS = 30_000_000
/** For a device that talks without end. */
const FIND_DEADLINE_NS = 1_000_000_000
const MAX_POLLS = 10_000_000
/** Messages taken in one look, so that a flood of them does not hold up who looks. */
const MESSAGES_A_POLL = 64

export class VirtioConsole implements ConsolePortHost {
  /** Why the driver has given the device up, else the empty string. */
  failure = ''
  private readonly hal: Hal
  private readonly transport: VirtioTransport
  private readonly report: (message: string) => void
  private readonly ports: ConsolePort[] = []
  private readonly control: ControlQueues
  /** Ports that the device has added and not removed. */
  private readonly added = new Set<ConsolePort>()
  /**
   * Ports once removed: whatever is plugged in there later is another one, which nobody here has
   * opened.
   */
  private readonly removed = new Set<ConsolePort>()
  private hasRefused = false
  /** Ports added whose PORT_READY is still to be sent. */
  private readonly unanswered: number[] = []

  /**
   * Brings the device up; throws VirtioError when it cannot be used. It is polled, never
   * interrupts.
   */
  constructor({ hal, transport, report }: VirtioConsoleOptions) {
    this.hal = hal
    this.transport = transport
    this.report = report ?? (() => {})
    const { acceptedNames } = negotiateWithDevice(hal, transport, (offered) =>
      negotiateFeatures({
        offered,
        known: KNOWN_FEATURES,
        supported: SUPPORTED_FEATURES,
        acceptedOffloads: null,
        vetoes: new Map(),
      }),
    )
    if (!acceptedNames.has(MULTIPORT)) fail(transport, 'it has no named ports (MULTIPORT)')
    const portCount = orFail(transport, () => this.countPorts())
    if (portCount < 1) fail(transport, 'it has no ports')
    const eventIndex = acceptedNames.has('EVENT_IDX')
    const open = (number: number, wantedSlots: number) =>
      this.openQueue(number, wantedSlots, eventIndex)
    this.control = new ControlQueues(
      hal,
      open(CONTROL_RECEIVE_QUEUE, RECEIVE_SLOTS),
      open(CONTROL_TRANSMIT_QUEUE, 1),
    )
    for (let id = 0; id < portCount; id++) {
      const queue = open(transmitQueueOf(id), PORT_QUEUE_SIZE)
      this.ports.push(new ConsolePort(hal, this, id, queue))
    }
    setDriverOk(transport)
    this.control.start()
    // "The driver MUST send a VIRTIO_CONSOLE_DEVICE_READY message if VIRTIO_CONSOLE_F_MULTIPORT is
    // negotiated."
    this.control.send(0, ControlEvent.DeviceReady, 1)
  }

  /**
   * The port of that name, or null when the device has none: it is asked until it has said nothing
   * for 30 ms, and no longer than a second. The port still has to be opened.
   */
  findPort(name: string): ConsolePort | null {
    const { hal } = this
    const startNs = hal.monotonicNs()
    let lastNs = startNs
    for (let polls = 0; polls < MAX_POLLS && this.failure === ''; polls++) {
      const nowNs = hal.monotonicNs()
      if (this.step()) lastNs = nowNs
      for (const port of this.added) if (port.name === name) return port
      if (nowNs - lastNs > QUIET_NS || nowNs - startNs > FIND_DEADLINE_NS) break
    }
    return null
  }

  poll(): void {
    // The user of a port asks at each turn: nearly always there is nothing.
    if (!this.control.hasReceived && this.unanswered.length === 0) return
    for (let count = 0; count < MESSAGES_A_POLL && this.step(); count++);
  }

  announceOpen(port: ConsolePort): boolean {
    if (this.failure !== '' || !this.added.has(port)) return false
    this.control.send(port.id, ControlEvent.PortOpen, 1)
    return !this.checkControl()
  }

  /** Nothing of what the device says is believed any more, and it is cut off from memory. */
  distrust(violation: string): void {
    if (this.failure !== '') return
    this.failure = violation
    for (const port of this.ports) port.setOpen(false)
    this.added.clear()
    try {
      resetDevice(this.hal, this.transport)
    } catch {
      this.transport.isolate()
    }
    // A stream with a hole is of no use to whoever reads it, so nothing is sent again until there
    // is a new one.
    this.report(
      `${this.transport.address}: console device given up (${violation}), ` +
        'what it carried ends here; restart the guest to use it again',
    )
  }

  /** Takes one message or, when there is none, answers for one port. False: there was neither. */
  private step(): boolean {
    if (this.failure !== '') return false
    const message = this.control.receive()
    if (this.checkControl()) return false
    if (message !== null) {
      this.take(message)
      return true
    }
    const id = this.unanswered.shift()
    if (id === undefined) return false
    this.answerAdd(id)
    return true
  }

  /** True when the control queues have caught the device in a lie. */
  private checkControl(): boolean {
    if (this.control.violation !== '') this.distrust(this.control.violation)
    return this.failure !== ''
  }

  private take({ port: id, event, value, text }: ControlMessage): void {
    const port = this.ports[id]
    if (event === ControlEvent.DeviceAdd) {
      this.add(id)
      return
    }
    // What is said of a port that was never added means nothing (§5.3.6.2.1 forbids it).
    if (port === undefined || !this.added.has(port)) return
    switch (event) {
      case ControlEvent.PortName:
        port.name = text
        break
      case ControlEvent.PortOpen:
        port.setOpen(value === 1)
        break
      case ControlEvent.ConsolePort:
        // "MUST respond with a VIRTIO_CONSOLE_PORT_OPEN message, which MUST have value set to 1".
        this.control.send(id, ControlEvent.PortOpen, 1)
        this.checkControl()
        break
      case ControlEvent.DeviceRemove:
        port.setOpen(false)
        port.name = ''
        this.added.delete(port)
        this.removed.add(port)
        break
    }
  }

  /**
   * Each answer brings up to three messages, for which there must be buffers: first all that is
   * there is taken.
   */
  private add(id: number): void {
    if (this.unanswered.length < RECEIVE_SLOTS) this.unanswered.push(id)
  }

  private answerAdd(id: number): void {
    const port = this.ports[id]
    // "The device MUST NOT specify a port which exists": it is not prepared a second time.
    if (port !== undefined && this.added.has(port)) return
    const isUsable = port !== undefined && !this.removed.has(port)
    if (isUsable) this.added.add(port)
    else this.refuse(id)
    this.control.send(id, ControlEvent.PortReady, isUsable ? 1 : 0)
    this.checkControl()
  }

  /** One line is enough, however many ports a device invents. */
  private refuse(id: number): void {
    if (this.hasRefused) return
    this.hasRefused = true
    const { address } = this.transport
    this.report(`${address}: port ${id} is not used: ports 0 to ${this.ports.length - 1} are, once`)
  }

  /** As many as the device can have, has queues for, and this driver uses. */
  private countPorts(): number {
    const { transport } = this
    const maximum = readConsistently(transport, () => transport.readConfig32(MAX_PORTS_OFFSET))
    const ofQueues = Math.floor(transport.queueCount / 2) - 1
    return Math.min(maximum, ofQueues, MAX_PORTS)
  }

  private openQueue(number: number, wantedSlots: number, eventIndex: boolean): SplitVirtqueue {
    const { hal, transport } = this
    const maximum = transport.maximumQueueSize(number)
    // §2.7: "Queue Size value is always a power of 2. The maximum Queue Size value is 32768."
    if (maximum === 0 || maximum > 32768 || (maximum & (maximum - 1)) !== 0) {
      fail(transport, `queue ${number} has a size of ${maximum}`)
    }
    const size = Math.min(maximum, Math.max(wantedSlots, 2))
    const queue = new SplitVirtqueue(hal, {
      size,
      chained: false,
      indirect: false,
      eventIndex,
      wantedSlots: Math.min(wantedSlots, size),
    })
    queue.reset()
    if (!transport.enableQueue(number, size, queue.addresses)) {
      throw new VirtioError(`Cannot enable queue ${number} of virtio device ${transport.address}`)
    }
    queue.connect(number, transport.doorbell(number))
    return queue
  }
}

/** §5.3.2: port 0 has queues 0 and 1, the control queues follow, then two for each further port. */
function transmitQueueOf(port: number): number {
  return port === 0 ? 1 : 2 * port + 3
}
