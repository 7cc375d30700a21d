/** Virtual time: things happen when it says so, in the same order every time. */

interface Appointment {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
}

export class TestClock {
  nowMs: number
  private order = 0
  private readonly appointments: Appointment[] = []

  constructor(startMs = 1_000) {
    this.nowMs = startMs
  }

  /** Runs `run` at `atMs`, after everything that was asked for that time before. */
  at(atMs: number, run: () => void): void {
    const appointment = { atMs: Math.max(atMs, this.nowMs), order: this.order++, run }
    let index = this.appointments.length
    while (index > 0 && this.appointments[index - 1]!.atMs > appointment.atMs) index--
    this.appointments.splice(index, 0, appointment)
  }

  after(delayMs: number, run: () => void): void {
    this.at(this.nowMs + delayMs, run)
  }

  /** When the next appointment is, or Infinity. */
  nextMs(): number {
    return this.appointments[0]?.atMs ?? Number.POSITIVE_INFINITY
  }

  /** Moves time on to `untilMs`, running what is due on the way. */
  advanceTo(untilMs: number): void {
    for (;;) {
      const next = this.appointments[0]
      if (next === undefined || next.atMs > untilMs) break
      this.appointments.shift()
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }
}
