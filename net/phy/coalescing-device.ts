/**
 * A device whose received segments are joined in software for as long as it does not join them
 * itself, which may be switched while the guest runs.
 */
import type { BulkOperations } from '../storage/buffer.ts'
import type { DeviceCapabilities, NetDevice, ReceiveHalf, TransmitHalf } from './net-device.ts'
import { type CoalescingStatistics, ReceiveCoalescer } from './receive-coalescer.ts'

export class CoalescingDevice implements NetDevice {
  readonly capabilities: DeviceCapabilities
  readonly hardwareAddress: Uint8Array
  readonly link: NetDevice['link']
  readonly tx: TransmitHalf
  /** The device's own until software joins for the first time: till then nothing is in the way. */
  rx: ReceiveHalf
  private readonly bulk: BulkOperations
  private coalescer: ReceiveCoalescer | null = null
  private isWanted = true
  private joinsItself = true

  constructor(device: NetDevice, bulk: BulkOperations) {
    const { capabilities, hardwareAddress, link, tx, rx } = device
    this.capabilities = capabilities
    this.hardwareAddress = hardwareAddress
    this.link = link
    this.tx = tx
    this.rx = rx
    this.bulk = bulk
    const { coalescing } = capabilities
    this.followDevice(coalescing?.tcpv4 === true && coalescing.tcpv6)
  }

  /** Null while software never had to. */
  get statistics(): CoalescingStatistics | null {
    return this.coalescer?.statistics ?? null
  }

  /** Whether segments are joined in software where the device does not; null as `statistics`. */
  get isJoining(): boolean | null {
    return this.coalescer === null ? null : this.isWanted
  }

  /** False = nobody joins what the device does not; from the next frame on. */
  switchJoining(on: boolean): void {
    this.isWanted = on
    this.update()
  }

  /** Whether the device joins segments of both families itself, from now on. */
  followDevice(joinsItself: boolean): void {
    this.joinsItself = joinsItself
    this.update()
  }

  /** It stays once it is there: it may keep a frame that is the next to be given. */
  private update(): void {
    if (!this.joinsItself && this.coalescer === null) {
      this.coalescer = new ReceiveCoalescer(this.rx, this.bulk)
      this.rx = this.coalescer
    }
    if (this.coalescer !== null) this.coalescer.isEnabled = this.isWanted && !this.joinsItself
  }
}
