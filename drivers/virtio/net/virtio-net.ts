/** The network driver: life of the device, interrupts, and NetDevice over its two queues (virtio 1.4 §5.1). */
import type { Hal } from '../../../kernel/hal/hal.ts'
import type { InterruptRegistry } from '../../../kernel/hal/interrupt-registry.ts'
import type { DeviceCapabilities, DirectNetDevice } from '../../../net/phy/net-device.ts'
import { orFail, resetDevice, setDriverOk } from '../initialise.ts'
import {
  DeviceStatus,
  type InterruptHandlers,
  type InterruptMode,
  type VirtioTransport,
} from '../transport.ts'
import { VirtioError } from '../virtio-error.ts'
import { describeCapabilities } from './capabilities.ts'
import { describeDevice, type VirtioNetDescription } from './describe.ts'
import {
  createQueue,
  negotiateNet,
  RECEIVE_QUEUE,
  readLinkUp,
  TRANSMIT_QUEUE,
} from './net-setup.ts'
import { ReceivePath } from './receive-path.ts'

export interface VirtioNetOptions {
  readonly hal: Hal
  readonly transport: VirtioTransport
  readonly interrupts: InterruptRegistry
  /** Words of `offload=` that may be negotiated; null or absent = all. */
  readonly acceptedOffloads?: ReadonlySet<string> | null
  /** Told, in one line each, of link changes, resets and failure. */
  readonly report?: (message: string) => void
}

const INTERRUPT_MODES: readonly InterruptMode[] = ['msix', 'intx', 'polled']
/** So many sleeps in a row without the interrupt that was armed: do not rely on interrupts any more. */
const MAX_MISSED_INTERRUPTS = 16
/** "a lie marks the device broken and resets it once". */
const MAX_RESETS = 1

export class VirtioNet extends ReceivePath implements DirectNetDevice {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  /** True when no interrupt tells of new frames: the event loop has to look by itself. */
  mustPoll = false
  /** Why the driver has given the device up, else the empty string. */
  failure = ''
  private readonly transport: VirtioTransport
  private readonly acceptedOffloads: ReadonlySet<string> | null
  private readonly report: (message: string) => void
  private readonly interruptMode: InterruptMode
  private running = false
  private configurationChanged = false
  private fault = ''
  private interruptsAtArm = -1
  private missedInARow = 0

  /** Brings the device up; throws VirtioError when it cannot be used. */
  constructor(options: VirtioNetOptions) {
    const { hal, transport, interrupts } = options
    const acceptedOffloads = options.acceptedOffloads ?? null
    const setup = negotiateNet(hal, transport, acceptedOffloads)
    const receiveQueue = createQueue(hal, transport, setup, RECEIVE_QUEUE)
    const transmitQueue = createQueue(hal, transport, setup, TRANSMIT_QUEUE)
    super(hal, setup, receiveQueue, transmitQueue)
    this.transport = transport
    this.acceptedOffloads = acceptedOffloads
    this.report = options.report ?? (() => {})
    this.capabilities = describeCapabilities(setup)
    this.hardwareAddress = setup.hardwareAddress
    this.interruptMode = orFail(transport, () => this.start(interrupts))
    this.mustPoll = this.interruptMode === 'polled'
  }

  describe(): VirtioNetDescription {
    const { transport, setup, receiveQueue, transmitQueue, interruptMode } = this
    return describeDevice(transport, setup, interruptMode, receiveQueue, transmitQueue)
  }

  /** Asks to be woken by the next frame. False: there is work already, so do not sleep. */
  armInterrupts(): boolean {
    if (this.interruptMode === 'polled') this.noteConfigurationChange()
    if (this.failure !== '') return true
    if (this.needsAttention) return false
    const interruptsAtArm = this.hal.interruptCounters[0]!
    if (!this.armReceiveInterrupts()) return false
    this.interruptsAtArm = interruptsAtArm
    return true
  }

  disarmInterrupts(): void {
    if (!this.running) return
    this.receiveQueue.disarmInterrupts()
    if (this.interruptsAtArm < 0) return
    if (this.interruptsAtArm !== this.hal.interruptCounters[0]!) this.missedInARow = 0
    else if (this.hasReceived) this.noteMissedInterrupt()
    this.interruptsAtArm = -1
  }

  private handlers(): InterruptHandlers {
    const note = () => {
      this.statistics.interrupts++
    }
    const noteTransmit = () => {
      this.statistics.interrupts++
      this.disarmTransmitInterrupts()
    }
    const configuration = () => {
      this.statistics.interrupts++
      this.noteConfigurationChange()
    }
    return { configuration, queues: [note, noteTransmit] }
  }

  private noteConfigurationChange(): void {
    if (this.failure !== '') return
    this.configurationChanged = true
    this.needsAttention = true
  }

  private noteMissedInterrupt(): void {
    this.statistics.missedInterrupts++
    if (++this.missedInARow < MAX_MISSED_INTERRUPTS || this.mustPoll) return
    this.mustPoll = true
    this.report(`${this.transport.address}: interrupts do not arrive, polling instead`)
  }

  /** Configuration changes and faults, dealt with where no frame is open. */
  protected attend(): boolean {
    if (this.failure !== '') return false
    if (this.hasOpenFrame) return this.running
    this.needsAttention = false
    if (this.configurationChanged) {
      this.configurationChanged = false
      this.readConfiguration()
    }
    if (this.fault !== '') this.recover()
    return this.running
  }

  private readConfiguration(): void {
    if ((this.transport.readStatus() & DeviceStatus.NeedsReset) !== 0) {
      this.distrust('needsReset')
      return
    }
    this.statistics.configurationChanges++
    try {
      this.updateLink()
    } catch {
      this.distrust('configuration')
    }
  }

  private updateLink(): void {
    const linkUp = !this.setup.hasStatus || readLinkUp(this.transport)
    if (linkUp === this.linkUp) return
    this.linkUp = linkUp
    this.report(`${this.transport.address}: link is ${linkUp ? 'up' : 'down'}`)
  }

  /** Nothing of what the device says is believed any more until it has been reset. */
  protected distrust(lie: string): void {
    if (this.fault !== '' || this.failure !== '') return
    const lies = this.statistics.deviceLies
    lies[lie] = (lies[lie] ?? 0) + 1
    this.fault = lie
    this.needsAttention = true
    this.running = false
    this.linkUp = false
  }

  private recover(): void {
    const reason = this.fault
    this.fault = ''
    if (this.statistics.deviceResets >= MAX_RESETS) {
      this.giveUp(reason)
      return
    }
    this.statistics.deviceResets++
    this.report(`${this.transport.address}: resetting the device (${reason})`)
    try {
      const setup = negotiateNet(this.hal, this.transport, this.acceptedOffloads)
      if (setup.negotiation.accepted !== this.setup.negotiation.accepted) {
        throw new VirtioError('it offers other features than before')
      }
      if (!this.goLive()) throw new VirtioError('it refuses its interrupt vectors')
    } catch (error) {
      this.giveUp(`${reason}, then ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  private giveUp(reason: string): void {
    this.running = false
    this.linkUp = false
    this.failure = reason
    this.needsAttention = true
    // A device that cannot reach memory any more cannot spoil what the stack reuses now.
    this.transport.isolate()
    this.transport.writeStatus(this.transport.readStatus() | DeviceStatus.Failed)
    this.takeBackAll()
    this.report(`${this.transport.address}: network device given up (${reason})`)
  }

  /** Tries the ways to be interrupted, best first. */
  private start(interrupts: InterruptRegistry): InterruptMode {
    const { hal, transport } = this
    const handlers = this.handlers()
    let fresh = true
    for (const mode of INTERRUPT_MODES) {
      if (!transport.openInterrupts(mode, interrupts, 'virtio-net', handlers)) continue
      if (!fresh) negotiateNet(hal, transport, this.acceptedOffloads)
      fresh = false
      if (this.goLive()) return mode
    }
    resetDevice(hal, transport)
    throw new VirtioError(`Cannot start virtio device ${transport.address}: it refuses all vectors`)
  }

  /** From FEATURES_OK to DRIVER_OK. False when an interrupt vector is refused. */
  private goLive(): boolean {
    const { transport, receiveQueue, transmitQueue } = this
    this.takeBackAll()
    if (!transport.connectConfigurationInterrupt()) return false
    for (const [number, queue] of [receiveQueue, transmitQueue].entries()) {
      queue.reset()
      if (transport.maximumQueueSize(number) < queue.size) {
        throw new VirtioError(`Cannot enable queue ${number}: it has shrunk`)
      }
      if (!transport.enableQueue(number, queue.size, queue.addresses)) return false
      queue.connect(number, transport.doorbell(number))
    }
    this.postAll()
    setDriverOk(transport)
    this.running = true
    this.publishReceive()
    this.updateLink()
    return true
  }
}
