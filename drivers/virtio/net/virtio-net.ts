/** The network driver: the device's life, interrupts, NetDevice over its queues (§5.1). */
import type { DeviceCapabilities, NetDevice } from '../../../net/phy/net-device.ts'
import type { Hal } from '../../hal.ts'
import type { InterruptRegistry } from '../../interrupt-registry.ts'
import { orFail, resetDevice, setDriverOk } from '../initialize.ts'
import { ResetBudget } from '../reset-budget.ts'
import {
  DeviceStatus,
  type InterruptHandlers,
  type InterruptMode,
  type VirtioTransport,
} from '../transport.ts'
import { VirtioError } from '../virtio-error.ts'
import type { UsedWord, Virtqueue } from '../virtqueue.ts'
import { describeCapabilities } from './capabilities.ts'
import { describeDevice, type VirtioNetDescription } from './describe.ts'
import type { DeviceReceiveHalf, DeviceTransmitHalf } from './device-halves.ts'
import { DeviceHealth } from './device-health.ts'
import { DeviceSettings } from './device-settings.ts'
import type { NetEvent } from './net-event.ts'
import { createQueues, enableQueues, type NetQueues } from './net-queues.ts'
import {
  completeChoices,
  explainDifference,
  type NetChoices,
  type NetSetup,
  NetStatus,
  negotiateNet,
  readNetStatus,
} from './net-setup.ts'
import { QueueCheck } from './queue-check.ts'
import { QueuePairs } from './queue-pairs.ts'
import { ReceiveInterrupts } from './receive-interrupts.ts'
import type { ReceivePath } from './receive-path.ts'
import type { ReceiveQueues } from './receive-queues.ts'
import { VirtioNetStatistics } from './statistics.ts'

export interface VirtioNetOptions extends Partial<NetChoices> {
  readonly hal: Hal
  readonly transport: VirtioTransport
  readonly interrupts: InterruptRegistry
  /** Told of what happens to the device while it runs. */
  readonly report?: (event: NetEvent) => void
  /** Calls back from the event loop at that time; without it a device that was stopped stays so. */
  readonly schedule?: (atNs: number, callback: () => void) => void
}

const INTERRUPT_MODES: readonly InterruptMode[] = ['msix', 'intx', 'polled']
/**
 * A lie or DEVICE_NEEDS_RESET costs one reset. So many may follow each other, and one a minute goes
 * on for ever: the device of a guest that runs for months may fail more than once, one that fails
 * all the time is left alone in between.
 */
const RESETS_AT_ONCE = 4
const RESET_REFILL_NS = 60e9

export class VirtioNet implements NetDevice {
  readonly tx: DeviceTransmitHalf
  readonly rx: DeviceReceiveHalf
  readonly statistics = new VirtioNetStatistics()
  private readonly health = new DeviceHealth(this.statistics.deviceViolations)
  readonly link = this.health
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  /** True when no interrupt tells of new frames: the event loop has to look by itself. */
  mustPoll = false
  /** The host asks the guest to announce itself; what is sent within leaves before the answer. */
  onAnnounce: (() => void) | null = null
  /** To be run again and again, as it says when. */
  readonly queueCheck: QueueCheck
  /** Null for a device that takes no commands. */
  readonly settings: DeviceSettings | null
  /** It has been unplugged: only `attach` brings it back. */
  isRemoved = false
  private readonly hal: Hal
  private readonly setup: NetSetup
  private readonly queues: NetQueues
  private readonly pairs: QueuePairs
  /** By their classes, since each sleep meets them: the first pair's, and null or all of them. */
  private readonly first: ReceivePath
  private readonly receiveQueues: ReceiveQueues | null
  private readonly transport: VirtioTransport
  private readonly choices: NetChoices
  private readonly report: (event: NetEvent) => void
  private readonly schedule: (atNs: number, callback: () => void) => void
  private readonly resets = new ResetBudget(RESETS_AT_ONCE, RESET_REFILL_NS)
  private readonly interruptMode: InterruptMode
  private configurationChanged = false
  private readonly receiveInterrupts: ReceiveInterrupts
  private interruptsAtArm = -1

  /** Brings the device up; throws VirtioError when it cannot be used. */
  constructor(options: VirtioNetOptions) {
    const { hal, transport, interrupts } = options
    this.choices = completeChoices(options)
    const setup = negotiateNet(hal, transport, this.choices)
    const queues = createQueues(hal, transport, setup, this.choices.receiveMemoryBytes)
    const { health, statistics } = this
    this.hal = hal
    this.setup = setup
    this.queues = queues
    const service = () => this.service()
    this.pairs = new QueuePairs({ hal, setup, queues, health, statistics, service })
    this.first = this.pairs.first
    this.receiveQueues = this.pairs.several?.rx ?? null
    this.rx = this.pairs.rx
    this.tx = this.pairs.tx
    this.queueCheck = new QueueCheck(queues, health, statistics)
    this.transport = transport
    this.report = options.report ?? (() => {})
    this.schedule = options.schedule ?? (() => {})
    this.capabilities = describeCapabilities(setup)
    this.hardwareAddress = setup.hardwareAddress
    this.settings = queues.control === null ? null : this.createSettings(queues.control)
    this.interruptMode = orFail(transport, () => this.start(interrupts))
    this.mustPoll = this.interruptMode === 'polled'
    this.receiveInterrupts = new ReceiveInterrupts(hal, transport, setup.queuePairs)
  }

  /** Why the driver has given the device up, else the empty string. */
  get failure(): string {
    return this.health.failure
  }

  describe(): VirtioNetDescription {
    return describeDevice(this.transport, this.setup, this.interruptMode, this.queues)
  }

  private createSettings(queue: Virtqueue): DeviceSettings {
    const { hal, setup, health, statistics, schedule } = this
    return new DeviceSettings({
      ...{ hal, queue, health, statistics, schedule },
      accepted: setup.negotiation.acceptedNames,
      inventedAddress: setup.isAddressInvented ? setup.hardwareAddress : null,
      interruptDelayUs: this.choices.interruptDelayUs,
      ...{ queuePairs: setup.queuePairs, steering: setup.steering },
      onQueuePairs: (count, isSteered) => this.pairs.enable(count, isSteered),
      onSilence: () => this.report({ kind: 'unanswered' }),
    })
  }

  /** Asks to be woken by the next frame. False: there is work, of which one given up has none. */
  armInterrupts(): boolean {
    if (this.mustPoll) {
      if (this.interruptMode === 'polled') this.noteConfigurationChange()
      this.noteAnswer()
    }
    const { health } = this
    if (health.needsAttention) return health.failure !== ''
    if (this.queueCheck.runWhenLate()) return false
    const interruptsAtArm = this.receiveInterrupts.count()
    const { first, receiveQueues } = this
    const isArmed = receiveQueues === null ? first.armInterrupts() : receiveQueues.armInterrupts()
    if (isArmed) this.interruptsAtArm = interruptsAtArm
    return isArmed
  }

  disarmInterrupts(): void {
    if (!this.health.isRunning) return
    if (this.receiveQueues === null) this.first.disarmInterrupts()
    else this.receiveQueues.disarmInterrupts()
    if (this.interruptsAtArm < 0) return
    const hasCome = this.receiveInterrupts.haveCome(this.interruptsAtArm)
    if (!hasCome && this.rx.hasReceived) this.noteMissedInterrupt()
    this.interruptsAtArm = -1
  }

  /** What changes when a frame has come, for who waits awake; null while that is not known. */
  watch(): UsedWord | null {
    const { health, receiveQueues } = this
    if (health.needsAttention || !health.isRunning) return null
    if (receiveQueues !== null) return receiveQueues.watch()
    return this.first.watch()
  }

  private handlers(): InterruptHandlers {
    const note = () => {
      this.statistics.interrupts++
    }
    const configuration = () => {
      this.statistics.interrupts++
      this.noteConfigurationChange()
    }
    const noteCommand = () => {
      this.statistics.interrupts++
      this.noteAnswer()
    }
    const { receive, control, all } = this.queues
    const queues = new Map<number, () => void>()
    for (const [number, queue] of all) {
      if (queue === control) queues.set(number, noteCommand)
      else if (receive.includes(queue)) queues.set(number, note)
      else queues.set(number, this.noteSent(queue))
    }
    return { configuration, queues }
  }

  private noteSent(queue: Virtqueue): () => void {
    const path = this.pairs.transmitPathOf(queue)
    return () => {
      this.statistics.interrupts++
      path.disarmInterrupts()
    }
  }

  private noteAnswer(): void {
    if (this.settings?.hasAnswer === true) this.health.needsAttention = true
  }

  private noteConfigurationChange(): void {
    if (this.health.failure !== '') return
    this.configurationChanged = true
    this.health.needsAttention = true
  }

  private noteMissedInterrupt(): void {
    this.statistics.missedInterrupts++
    if (!this.receiveInterrupts.miss() || this.mustPoll) return
    this.mustPoll = true
    this.report({ kind: 'polling' })
  }

  /** Configuration changes and violations; called where no received frame is open. */
  private service(): boolean {
    const { health } = this
    if (health.failure !== '') return false
    health.needsAttention = false
    if (this.configurationChanged && health.violation === '') {
      this.configurationChanged = false
      this.readConfiguration()
    }
    if (health.isRunning) this.settings?.advance()
    if (health.violation !== '') this.recover()
    return health.isRunning
  }

  private readConfiguration(): void {
    if ((this.transport.readStatus() & DeviceStatus.NeedsReset) !== 0) {
      this.health.report('needsReset')
      return
    }
    this.statistics.configurationChanges++
    try {
      this.updateStatus()
    } catch {
      this.health.report('configuration')
    }
  }

  private updateStatus(): void {
    const status = this.setup.hasStatus ? readNetStatus(this.transport) : NetStatus.LinkUp
    this.updateLink((status & NetStatus.LinkUp) !== 0)
    if ((status & NetStatus.Announce) !== 0) this.announce()
  }

  /** §5.1.6.5.4: "the driver … SHOULD … announce itself", and then says that it has. */
  private announce(): void {
    if (!this.setup.negotiation.acceptedNames.has('GUEST_ANNOUNCE')) return
    this.statistics.announcements++
    this.onAnnounce?.()
    this.tx.flush()
    this.settings?.acknowledgeAnnouncement()
  }

  private updateLink(linkUp: boolean): void {
    if (linkUp === this.health.isUp) return
    this.health.isUp = linkUp
    if (linkUp) this.queueCheck.noteLinkUp()
    this.report({ kind: 'link', up: linkUp })
  }

  private recover(): void {
    const reason = this.health.violation
    this.health.violation = ''
    if (!this.transport.isPresent()) {
      this.detach()
      return
    }
    if (!this.resets.take(this.hal.monotonicNs())) {
      this.stop(reason)
      return
    }
    this.statistics.deviceResets++
    this.report({ kind: 'reset', reason })
    const problem = this.restart()
    if (problem !== '') this.stop(`${reason}, then ${problem}`)
  }

  /** Brings the device up anew as it was; returns what is in the way, else the empty string. */
  private restart(): string {
    try {
      const setup = negotiateNet(this.hal, this.transport, this.choices)
      const difference = explainDifference(this.setup, setup)
      if (difference !== '') return difference
      return this.goLive() ? '' : 'it refuses its interrupt vectors'
    } catch (error) {
      return error instanceof Error ? error.message : String(error)
    }
  }

  /** Until the budget has a reset again; said once for each reason. */
  private stop(reason: string): void {
    const isNews = reason !== this.health.failure
    this.suspend(reason)
    const nowNs = this.hal.monotonicNs()
    const retryNs = this.resets.nextNs(nowNs)
    if (isNews) this.report({ kind: 'stopped', reason, retryInNs: retryNs - nowNs })
    this.schedule(retryNs, () => this.retry())
  }

  private retry(): void {
    if (this.health.failure === '' || this.isRemoved) return
    if (!this.transport.isPresent()) {
      this.detach()
      return
    }
    if (!this.resets.take(this.hal.monotonicNs())) {
      this.stop(this.health.failure)
      return
    }
    this.statistics.deviceResets++
    const problem = this.reconnect()
    if (problem !== '') this.stop(problem)
  }

  /** The device is gone, or goes next: connections wait as for a link that is down. */
  detach(): void {
    if (this.isRemoved) return
    this.isRemoved = true
    this.suspend('removed')
    this.report({ kind: 'removed' })
  }

  /** There is a device in the place of the one removed: goes on with it when it is as that was. */
  attach(): void {
    if (!this.isRemoved) return
    const problem = this.reconnect()
    if (problem === '') this.isRemoved = false
    else this.report({ kind: 'refused', reason: problem })
  }

  private reconnect(): string {
    let problem = ''
    try {
      this.transport.reconnect()
      problem = this.restart()
    } catch (error) {
      problem = error instanceof Error ? error.message : String(error)
    }
    if (problem === '') {
      this.health.recover(this.configurationChanged)
      this.report({ kind: 'resumed' })
    } else {
      this.suspend(this.health.failure)
    }
    return problem
  }

  private suspend(reason: string): void {
    this.health.fail(reason)
    // A device that cannot reach memory any more cannot spoil what the stack reuses now.
    this.transport.isolate()
    if (this.transport.isPresent()) {
      this.transport.writeStatus(this.transport.readStatus() | DeviceStatus.Failed)
    }
    this.tx.takeBackAll()
    this.settings?.abandon('the device is not in use now')
  }

  /** Tries the ways to be interrupted, best first. */
  private start(interrupts: InterruptRegistry): InterruptMode {
    const { hal, transport } = this
    const handlers = this.handlers()
    let fresh = true
    for (const mode of INTERRUPT_MODES) {
      if (!transport.openInterrupts(mode, interrupts, 'virtio-net', handlers)) continue
      if (!fresh) negotiateNet(hal, transport, this.choices)
      fresh = false
      if (this.goLive()) return mode
    }
    resetDevice(hal, transport)
    throw new VirtioError(`Cannot start virtio device ${transport.address}: it refuses all vectors`)
  }

  /** From FEATURES_OK to DRIVER_OK. False when an interrupt vector is refused. */
  private goLive(): boolean {
    const { transport, settings } = this
    this.tx.takeBackAll()
    if (!transport.connectConfigurationInterrupt()) return false
    if (!enableQueues(transport, this.queues)) return false
    this.rx.postAll()
    settings?.reset()
    setDriverOk(transport)
    this.health.isRunning = true
    this.rx.publish()
    settings?.advance()
    this.updateStatus()
    return true
  }
}
