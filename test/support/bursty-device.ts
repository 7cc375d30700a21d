/** A device whose received frames come in bursts, as with a host that interrupts now and then. */
import type { NetDevice, ReceivedFrame, ReceiveHalf } from '../../net/phy/net-device.ts'
import type { TestClock } from '../fakes/test-clock.ts'

class BurstyReceiveHalf implements ReceiveHalf {
  private readonly inner: ReceiveHalf
  private readonly clock: TestClock
  private readonly pauseMs: number
  private openAtMs = 0
  private hasReceived = false

  constructor(inner: ReceiveHalf, clock: TestClock, pauseMs: number) {
    this.inner = inner
    this.clock = clock
    this.pauseMs = pauseMs
  }

  receive(frame: ReceivedFrame): boolean {
    const { inner, clock } = this
    if (clock.nowMs < this.openAtMs) return false
    if (inner.receive(frame)) {
      this.hasReceived = true
      return true
    }
    if (this.hasReceived) {
      this.hasReceived = false
      this.openAtMs = clock.nowMs + this.pauseMs
      // Time stops there, and all stacks look for frames.
      clock.at(this.openAtMs, () => {})
    }
    return false
  }

  release(frame: ReceivedFrame): void {
    this.inner.release(frame)
  }
}

export function burstyDevice(device: NetDevice, clock: TestClock, pauseMs: number): NetDevice {
  const { capabilities, hardwareAddress, link, tx, rx } = device
  const bursty = new BurstyReceiveHalf(rx, clock, pauseMs)
  return { capabilities, hardwareAddress, link, tx, rx: bursty }
}
