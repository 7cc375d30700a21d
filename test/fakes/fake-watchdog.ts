/**
 * A strict 6300ESB watchdog: registers count only behind their two keys, and time passes when the
 * test says so.
 */
import { FakePciFunction, type FakePciHost } from './fake-pci.ts'
import { Violation } from './violation.ts'

const TICK_SECONDS = 32_768 / 33_000_000

export class FakeWatchdog {
  /** How often it has acted. */
  actions = 0
  readonly pciFunction: FakePciFunction
  private key = 0
  private preloads = [0xfffff, 0xfffff]
  private remainingSeconds = Number.POSITIVE_INFINITY

  constructor(host: FakePciHost, device: number) {
    this.pciFunction = new FakePciFunction({
      ...{ vendorId: 0x8086, deviceId: 0x25ab, classCode: 0x088000 },
      bars: [
        {
          ...{ index: 0, sizeBytes: 16 },
          read: () => {
            throw new Violation('watchdog: nothing there is to be read')
          },
          write: (offset, widthBytes, value) => this.write(offset, widthBytes, value),
        },
      ],
    })
    host.add(this.pciFunction, device)
  }

  pass(seconds: number): void {
    this.remainingSeconds -= seconds
    if (this.remainingSeconds <= 0) {
      this.actions++
      this.remainingSeconds = Number.POSITIVE_INFINITY
    }
  }

  private write(offset: number, widthBytes: number, value: number): void {
    if (offset === 0x0c && widthBytes === 1) {
      this.key = value === 0x80 ? 1 : value === 0x86 && this.key === 1 ? 2 : 0
      return
    }
    if (this.key !== 2) throw new Violation(`watchdog: write to ${offset} without the keys`)
    this.key = 0
    if (widthBytes === 4 && (offset === 0 || offset === 4)) {
      if (value > 0xfffff) throw new Violation(`watchdog: preload ${value}`)
      this.preloads[offset / 4] = value
    } else if (widthBytes === 2 && offset === 0x0c && value === 0x100) {
      this.restart()
    } else {
      throw new Violation(`watchdog: write of ${widthBytes} bytes to ${offset}`)
    }
  }

  /**
   * It counts once its lock register enables it, slowly, and acts unless the configuration forbids
   * that.
   */
  private restart(): void {
    const isEnabled = (this.pciFunction.read(0x68, 1) & 2) !== 0
    const configuration = this.pciFunction.read(0x60, 2)
    if ((configuration & 0x24) !== 0) throw new Violation('watchdog: fast, or without action')
    if (isEnabled) {
      this.remainingSeconds = (this.preloads[0]! + this.preloads[1]!) * TICK_SECONDS
    }
  }
}
