/**
 * A strict management controller behind a KCS interface (IPMI 2.0 §9): what a byte too soon, too
 * late or of the wrong kind would do to a real one is a violation.
 */
import type { FakeHal } from './fake-hal.ts'
import { Violation } from './violation.ts'

const DATA = 0xca2
const STATUS = 0xca3
const Phase = { Idle: 0, Read: 1, Write: 2, Error: 3 } as const

export interface FakeBmcOptions {
  /** The response to a request. Default: what is asked is the time of the event log. */
  readonly answer?: (request: readonly number[]) => number[]
  /** Seconds since 1970. */
  readonly seconds?: () => number
  /** Takes nothing of what is written. */
  readonly isSilent?: boolean
  /** Goes into its error state in place of answering. */
  readonly fails?: boolean
  /** Looks at the status during which a byte stays untaken. */
  readonly slowness?: number
}

export class FakeBmc {
  readonly requests: number[][] = []
  private readonly options: FakeBmcOptions
  private phase: number = Phase.Idle
  private looksUntilTaken = 0
  private isOutputFull = false
  private output = 0
  private request: number[] = []
  private response: number[] = []
  private isLastByte = false

  constructor(hal: FakeHal, options: FakeBmcOptions = {}) {
    this.options = options
    hal.addPorts({
      ...{ first: DATA, last: STATUS },
      read: (port, width) => this.read(port, width),
      write: (port, width, value) => this.write(port, width, value),
    })
  }

  private read(port: number, widthBytes: number): number {
    if (widthBytes !== 1) throw new Violation(`KCS: read of ${widthBytes} bytes`)
    if (port === DATA) {
      this.isOutputFull = false
      return this.output
    }
    const isUntaken = this.options.isSilent === true || this.looksUntilTaken > 0
    if (this.looksUntilTaken > 0) this.looksUntilTaken--
    const busy = isUntaken && this.request.length + this.requests.length + this.phase > 0 ? 2 : 0
    return (this.phase << 6) | busy | (this.isOutputFull ? 1 : 0)
  }

  private write(port: number, widthBytes: number, value: number): void {
    if (widthBytes !== 1) throw new Violation(`KCS: write of ${widthBytes} bytes`)
    if (this.looksUntilTaken > 0) throw new Violation('KCS: a byte before the last was taken')
    if (this.isOutputFull) throw new Violation('KCS: a byte before the output was read')
    if (port === STATUS) this.command(value)
    else this.take(value)
    this.looksUntilTaken = this.options.slowness ?? 1
  }

  private command(code: number): void {
    if (code === 0x61 && this.phase === Phase.Idle) {
      this.phase = Phase.Write
      this.request = []
    } else if (code === 0x62 && this.phase === Phase.Write && this.request.length > 0) {
      this.isLastByte = true
    } else {
      throw new Violation(`KCS: control code ${code} in state ${this.phase}`)
    }
    this.isOutputFull = true
  }

  private take(value: number): void {
    if (this.phase === Phase.Write) this.takeRequestByte(value)
    else if (this.phase === Phase.Read && value === 0x68) this.offer()
    else throw new Violation(`KCS: data ${value} in state ${this.phase}`)
  }

  private takeRequestByte(value: number): void {
    this.request.push(value)
    this.isOutputFull = true
    if (!this.isLastByte) return
    this.isLastByte = false
    this.requests.push(this.request)
    this.response = this.respond(this.request)
    this.phase = Phase.Read
    if (this.options.fails === true) this.phase = Phase.Error
    else this.offer()
  }

  private offer(): void {
    if (this.response.length === 0) this.phase = Phase.Idle
    this.output = this.response.shift() ?? 0
    this.isOutputFull = true
  }

  private respond(request: readonly number[]): number[] {
    const { answer, seconds } = this.options
    if (answer !== undefined) return answer(request)
    if (request.length !== 2 || request[0] !== 0x28 || request[1] !== 0x48) {
      throw new Violation(`BMC: request ${request}`)
    }
    const now = seconds === undefined ? 0 : seconds()
    const bytes = [0, 8, 16, 24].map((shift) => Math.floor(now / 2 ** shift) % 256)
    return [0x2c, 0x48, 0, ...bytes]
  }
}
