/**
 * What the device is to be told by commands: kept as what is wanted, so that any number of changes
 * costs no memory (virtio 1.4 §5.1.6.5).
 */
import {
  acknowledgeAnnouncement,
  addVlan,
  coalesceQueue,
  coalesceReceive,
  setAddress,
  setAllMulticast,
  setGroupTable,
  setGuestOffloads,
  setPromiscuous,
  setQueuePairs,
  setSteering,
} from './control-commands.ts'
import { type ControlCommand, ControlQueue, type ControlQueueOptions } from './control-queue.ts'
import { SWITCHABLE_OFFLOADS } from './features.ts'
import { receiveQueueNumber } from './net-queues.ts'
import type { ReceiveSteering } from './receive-steering.ts'

/** As QEMU's table has room for; with more groups the device is asked for all of them. */
export const MAX_FILTERED_GROUPS = 64
/**
 * Frames with a priority and no VLAN carry this identifier: they are for us as those without a tag
 * are.
 */
const PRIORITY_VLAN = 0
/** Callers of `switchOffload` that are told at the same time. */
const MAX_WAITING = 16

export interface DeviceSettingsOptions extends Omit<ControlQueueOptions, 'onAnswer' | 'onSilence'> {
  readonly accepted: ReadonlySet<string>
  /** The address that this guest made up; null = the device's own is used. */
  readonly inventedAddress: Uint8Array | null
  /** How long interrupts may wait for more frames; null = they do not. */
  readonly interruptDelayUs: number | null
  /** Pairs of queues to be used. */
  readonly queuePairs: number
  /** By what it is to spread received flows over them; null = as it sees fit. */
  readonly steering: ReceiveSteering | null
  /**
   * Told how many pairs the device uses: one, until it has agreed to more; and whether it spreads
   * flows as it was told.
   */
  readonly onQueuePairs: (count: number, isSteered: boolean) => void
  /** Told once that commands find no answer. */
  readonly onSilence: () => void
}

/** A command that is due, and what follows from its end. */
interface Step {
  readonly command: ControlCommand
  readonly settle: (accepted: boolean) => void
}

export class DeviceSettings {
  private readonly control: ControlQueue
  private readonly options: DeviceSettingsOptions
  private current: Step | null = null
  private addressIsDue = false
  private addressIsKnown = true
  private vlanIsDue = false
  private queuePairsAreDue = false
  private steeringIsDue = false
  /** The receive queue to be told next how long interrupts may wait, and the end of those. */
  private coalescedQueue = 0
  private coalescingEnd = 0
  private announcementIsDue = false
  /** Null until somebody says what is wanted: then everything is let through. */
  private groups: readonly Uint8Array[] | null = null
  private filterSteps: (() => Step)[] = []
  /** Features that are switched on; what is wanted, and what the device was told. */
  private wanted: ReadonlySet<string>
  private inForce: ReadonlySet<string>
  private offloadsAreDue = false
  /** Callers whose switch is still to be sent, and those whose switch the device has. */
  private waiting: ((problem: string) => void)[] = []
  private asked: ((problem: string) => void)[] = []

  constructor(options: DeviceSettingsOptions) {
    this.options = options
    this.control = new ControlQueue({
      ...options,
      onAnswer: (accepted) => this.settle(accepted),
      onSilence: () => this.noteSilence(),
    })
    this.wanted = this.inForce = this.negotiatedOffloads()
  }

  get hasAnswer(): boolean {
    return this.control.hasAnswer
  }

  /**
   * Names of the receive offloads that the device was told to do, of those that can be switched.
   */
  get offloadsInForce(): ReadonlySet<string> {
    return this.inForce
  }

  /** Before DRIVER_OK: a device that was reset has forgotten what it was told. */
  reset(): void {
    const { accepted, inventedAddress, interruptDelayUs, queuePairs, steering } = this.options
    this.abandon('the device was reset meanwhile')
    this.control.reset()
    this.current = null
    const negotiated = this.negotiatedOffloads()
    this.inForce = negotiated
    this.offloadsAreDue = accepted.has('CTRL_GUEST_OFFLOADS') && !isSame(this.wanted, negotiated)
    this.addressIsDue = inventedAddress !== null && accepted.has('CTRL_MAC_ADDR')
    this.addressIsKnown = inventedAddress === null
    this.vlanIsDue = accepted.has('CTRL_VLAN')
    this.queuePairsAreDue = queuePairs > 1 && steering === null
    this.steeringIsDue = steering !== null
    this.options.onQueuePairs(1, false)
    this.coalescedQueue = 0
    this.coalescingEnd = interruptDelayUs === null ? 0 : this.coalescingCommands()
    this.announcementIsDue = false
    this.planFilter()
  }

  /**
   * Sends what is due and takes in what was answered; called after DRIVER_OK and at each sign of an
   * answer.
   */
  advance(): void {
    const { control, options } = this
    for (;;) {
      control.poll()
      if (!options.health.isRunning || !control.isFree) return
      const step = this.nextStep()
      if (step === null) return
      this.current = step
      control.send(step.command)
    }
  }

  /**
   * Hardware addresses of the groups whose frames are wanted, six bytes each; frames to others the
   * device may drop, and those to other stations too.
   */
  filterGroups(groups: readonly Uint8Array[]): void {
    this.groups = groups
    this.planFilter()
    this.advance()
  }

  /** The host asked for an announcement, and it has been made. */
  acknowledgeAnnouncement(): void {
    this.announcementIsDue = this.options.accepted.has('GUEST_ANNOUNCE')
    this.advance()
  }

  /** `done` is told what is in the way, or the empty string once the device has done it. */
  switchOffload(feature: string, on: boolean, done: (problem: string) => void): void {
    const problem = this.explainNoSwitch(feature)
    if (problem !== '') {
      done(problem)
      return
    }
    const wanted = new Set(this.wanted)
    if (on) wanted.add(feature)
    else wanted.delete(feature)
    for (const { name, requires } of SWITCHABLE_OFFLOADS) {
      const isSupported = requires?.every((anyOf) => anyOf.some((it) => wanted.has(it))) ?? true
      if (isSupported) continue
      if (on && name === feature) {
        done(`${name} requires ${requires!.map((anyOf) => anyOf.join(' or ')).join(' and ')}`)
        return
      }
      wanted.delete(name)
    }
    this.wanted = wanted
    this.offloadsAreDue = true
    this.waiting.push(done)
    this.advance()
  }

  private explainNoSwitch(feature: string): string {
    const { accepted, health } = this.options
    if (!accepted.has('CTRL_GUEST_OFFLOADS')) return 'the device has no CTRL_GUEST_OFFLOADS'
    if (!this.negotiatedOffloads().has(feature)) return `${feature} was not negotiated`
    if (!health.isRunning) return 'the device is not in use now'
    return this.waiting.length + this.asked.length < MAX_WAITING
      ? ''
      : `${MAX_WAITING} switches wait already`
  }

  private negotiatedOffloads(): Set<string> {
    const { accepted } = this.options
    return new Set(SWITCHABLE_OFFLOADS.flatMap(({ name }) => (accepted.has(name) ? [name] : [])))
  }

  private coalescingCommands(): number {
    const { accepted, queuePairs } = this.options
    if (accepted.has('VQ_NOTF_COAL')) return queuePairs
    return accepted.has('NOTF_COAL') ? 1 : 0
  }

  /**
   * The address before the filter, which would drop what is sent to one that the device does not
   * know.
   */
  private nextStep(): Step | null {
    const { inventedAddress, interruptDelayUs, accepted } = this.options
    if (this.steeringIsDue) return this.steeringStep()
    if (this.queuePairsAreDue) return this.queuePairsStep()
    if (this.addressIsDue) {
      this.addressIsDue = false
      const settle = (isAccepted: boolean) => {
        this.addressIsKnown = isAccepted
        this.planFilter()
      }
      return { command: setAddress(inventedAddress!), settle }
    }
    if (this.offloadsAreDue) return this.offloadStep()
    if (this.vlanIsDue) {
      this.vlanIsDue = false
      return { command: addVlan(PRIORITY_VLAN), settle: ignore }
    }
    const filterStep = this.filterSteps.shift()
    if (filterStep !== undefined) return filterStep()
    if (this.announcementIsDue) {
      this.announcementIsDue = false
      return { command: acknowledgeAnnouncement(), settle: ignore }
    }
    if (this.coalescedQueue === this.coalescingEnd) return null
    const queue = receiveQueueNumber(this.coalescedQueue++)
    const delayUs = interruptDelayUs!
    const command = accepted.has('VQ_NOTF_COAL')
      ? coalesceQueue(queue, delayUs)
      : coalesceReceive(delayUs)
    return { command, settle: ignore }
  }

  private queuePairsStep(): Step {
    this.queuePairsAreDue = false
    const { queuePairs, onQueuePairs } = this.options
    const settle = (isAccepted: boolean) => onQueuePairs(isAccepted ? queuePairs : 1, false)
    return { command: setQueuePairs(queuePairs), settle }
  }

  private steeringStep(): Step {
    this.steeringIsDue = false
    const { accepted, queuePairs, steering, onQueuePairs } = this.options
    const settle = (isAccepted: boolean) => {
      if (isAccepted) onQueuePairs(queuePairs, true)
      // All that is left is its own way.
      else this.queuePairsAreDue = accepted.has('MQ')
    }
    return { command: setSteering(steering!, queuePairs), settle }
  }

  private offloadStep(): Step {
    this.offloadsAreDue = false
    const told = this.wanted
    this.asked = this.waiting
    this.waiting = []
    const bits = SWITCHABLE_OFFLOADS.flatMap(({ name, bit }) => (told.has(name) ? [bit] : []))
    const settle = (isAccepted: boolean) => {
      const { asked } = this
      this.asked = []
      if (isAccepted) this.inForce = told
      else if (this.wanted === told) this.wanted = this.inForce
      // After an answer that came too late something else may be wanted.
      this.offloadsAreDue = !isSame(this.wanted, this.inForce)
      for (const done of asked) done(isAccepted ? '' : 'the device refuses it')
    }
    return { command: setGuestOffloads(bits), settle }
  }

  /** First what lets more through, then what lets less: no frame for us is lost in between. */
  private planFilter(): void {
    const { groups } = this
    this.filterSteps = []
    if (groups === null || !this.options.accepted.has('CTRL_RX')) return
    if (!this.addressIsKnown) return
    const promiscuousOff = () => ({ command: setPromiscuous(false), settle: ignore })
    if (groups.length > MAX_FILTERED_GROUPS) {
      this.filterSteps.push(() => this.allMulticastStep(), promiscuousOff)
      return
    }
    const table = () => ({
      command: setGroupTable(groups),
      settle: (isAccepted: boolean) => {
        // "If the table is too big": without it all groups are let through.
        if (!isAccepted) this.filterSteps = [() => this.allMulticastStep(), promiscuousOff]
      },
    })
    const allMulticastOff = () => ({ command: setAllMulticast(false), settle: ignore })
    this.filterSteps.push(table, allMulticastOff, promiscuousOff)
  }

  private allMulticastStep(): Step {
    const settle = (isAccepted: boolean) => {
      // Then nothing but the promiscuous mode lets all groups through.
      const promiscuousOn = () => ({ command: setPromiscuous(true), settle: ignore })
      if (!isAccepted) this.filterSteps = [promiscuousOn]
    }
    return { command: setAllMulticast(true), settle }
  }

  private settle(accepted: boolean): void {
    const { current } = this
    this.current = null
    current?.settle(accepted)
  }

  private noteSilence(): void {
    this.abandon('the device does not answer commands')
    this.wanted = this.inForce
    this.options.onSilence()
  }

  /** Nobody waits for a switch any more; what is wanted stays so. */
  abandon(problem: string): void {
    const left = [...this.asked, ...this.waiting]
    this.asked = []
    this.waiting = []
    for (const done of left) done(problem)
  }
}

function isSame(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  return a.size === b.size && [...a].every((it) => b.has(it))
}

function ignore(): void {}
