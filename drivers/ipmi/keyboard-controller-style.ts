/**
 * The way to a machine's management controller (BMC): the KCS interface of IPMI 2.0 §9, one request
 * at a time.
 */
import type { Hal } from '../hal.ts'

/** Where a KCS interface is unless a machine says otherwise (§9.4), as QEMU has it. */
const DATA = 0xca2
const COMMAND_STATUS = 0xca3

/** The status register (§9.7). */
const OUTPUT_FULL = 1 << 0
const INPUT_FULL = 1 << 1
const STATE_SHIFT = 6
const State = { Idle: 0, Read: 1, Write: 2 } as const
/** What is read where nothing answers. */
const ABSENT = 0xff

/** Control codes (§9.10). */
const WRITE_START = 0x61
const WRITE_END = 0x62
const READ = 0x68

/** QEMU answers before the next instruction; nothing else is worth holding up the loop for. */
const EXCHANGE_DEADLINE_NS = 5e6
const MAX_RESPONSE_BYTES = 64

type Machine = Pick<Hal, 'portRead8' | 'portWrite8' | 'monotonicNs'>

export class KeyboardControllerStyle {
  private readonly machine: Machine
  private deadlineNs = 0
  private hasFailed = false

  /** Null on a machine without one. */
  static find(machine: Machine): KeyboardControllerStyle | null {
    return machine.portRead8(COMMAND_STATUS) === ABSENT
      ? null
      : new KeyboardControllerStyle(machine)
  }

  private constructor(machine: Machine) {
    this.machine = machine
  }

  /**
   * The response to a request of two bytes or more, network function and command first in both;
   * null when the controller breaks the protocol or takes too long. It is never asked again then.
   */
  exchange(request: readonly number[]): number[] | null {
    if (this.hasFailed) return null
    this.deadlineNs = this.machine.monotonicNs() + EXCHANGE_DEADLINE_NS
    const response = this.write(request) ? this.read() : null
    this.hasFailed = response === null
    return response
  }

  /** §9.15, figure 9-6. */
  private write(request: readonly number[]): boolean {
    const { machine } = this
    const last = request.length - 1
    if (this.awaitInputTaken() === null) return false
    this.clearOutput()
    machine.portWrite8(COMMAND_STATUS, WRITE_START)
    for (let index = 0; index < last; index++) {
      if (!this.isWriting()) return false
      machine.portWrite8(DATA, request[index]!)
    }
    if (!this.isWriting()) return false
    machine.portWrite8(COMMAND_STATUS, WRITE_END)
    if (!this.isWriting()) return false
    machine.portWrite8(DATA, request[last]!)
    return true
  }

  private isWriting(): boolean {
    if (this.awaitInputTaken() !== State.Write) return false
    this.clearOutput()
    return true
  }

  /** §9.15, figure 9-7. */
  private read(): number[] | null {
    const { machine } = this
    const response: number[] = []
    for (;;) {
      const state = this.awaitInputTaken()
      if ((state !== State.Read && state !== State.Idle) || !this.awaitOutput()) return null
      const byte = machine.portRead8(DATA)
      if (state === State.Idle) return response
      if (response.push(byte) > MAX_RESPONSE_BYTES) return null
      machine.portWrite8(DATA, READ)
    }
  }

  private clearOutput(): void {
    this.machine.portRead8(DATA)
  }

  /** The state once the controller has taken what was written; null when it does not. */
  private awaitInputTaken(): number | null {
    const status = this.awaitStatus(INPUT_FULL, 0)
    return status === null ? null : status >> STATE_SHIFT
  }

  private awaitOutput(): boolean {
    return this.awaitStatus(OUTPUT_FULL, OUTPUT_FULL) !== null
  }

  private awaitStatus(mask: number, wanted: number): number | null {
    const { machine } = this
    for (;;) {
      const status = machine.portRead8(COMMAND_STATUS)
      if ((status & mask) === wanted) return status
      if (machine.monotonicNs() > this.deadlineNs) return null
    }
  }
}
