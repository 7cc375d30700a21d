/**
 * When the guest is ready: once peers can reach it, or after ten seconds without an address
 * (kernel/README.md).
 */
import type { NetworkConfiguration } from '../net/api/network-configuration.ts'
import type { Logger } from './logger.ts'
import type { TimerQueue } from './timer-queue.ts'

const NS_PER_MS = 1e6
/** Nobody waits longer for an address than this. */
const LONGEST_WAIT_MS = 10_000
/**
 * A server is asked twice and the address probed, while routers answer at once: IPv4 comes later
 * and is waited for so long.
 */
const WAIT_FOR_IPV4_MS = 1_000

export interface AddressWaitOptions {
  /** Of each interface that servers or routers configure. */
  readonly configurations: readonly Pick<NetworkConfiguration, 'hasAddress' | 'dhcp' | 'routers'>[]
  readonly timers: TimerQueue
  readonly nowNs: () => number
  readonly log: Logger
}

export class AddressWait {
  private readonly options: AddressWaitOptions
  private readonly waiting: (() => void)[] = []
  private isOver = false
  private isIpv6Here = false

  constructor(options: AddressWaitOptions) {
    this.options = options
    this.after(LONGEST_WAIT_MS, () => this.giveUp())
  }

  /** Called once that is decided; at once when it was before. */
  whenOver(callback: () => void): void {
    if (this.isOver) callback()
    else this.waiting.push(callback)
  }

  /** To be called when addresses have changed. */
  look(): void {
    const { configurations } = this.options
    if (this.isOver) return
    if (configurations.some((each) => each.hasAddress(4))) {
      this.end()
    } else if (configurations.some((each) => each.hasAddress(6))) {
      if (configurations.every(({ dhcp }) => dhcp === null)) this.end()
      else if (!this.isIpv6Here) this.after(WAIT_FOR_IPV4_MS, () => this.end())
      this.isIpv6Here = true
    }
  }

  private giveUp(): void {
    if (this.isOver) return
    const tried = this.options.configurations.flatMap(({ dhcp, routers }) => [
      ...(dhcp === null ? [] : [`no lease after ${dhcp.discoveries} DHCP requests`]),
      ...(routers === null
        ? []
        : [`no prefix after ${routers.solicitations} router solicitations`]),
    ])
    this.options.log.warn(
      `no address after ${LONGEST_WAIT_MS / 1000} s: ${tried.join(', ')}; ` +
        'goes on asking. Give ip=A.B.C.D/N, or start a DHCP server or a router on this network',
    )
    this.end()
  }

  private end(): void {
    if (this.isOver) return
    this.isOver = true
    // Not now: addresses change during a poll of the stack, which what follows may want to poll
    // itself.
    this.after(0, () => {
      for (const callback of this.waiting.splice(0)) callback()
    })
  }

  private after(delayMs: number, callback: () => void): void {
    const { timers, nowNs } = this.options
    timers.add(nowNs() + delayMs * NS_PER_MS, callback)
  }
}
