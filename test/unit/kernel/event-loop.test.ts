/**
 * The event loop: no wake-up is lost wherever an interrupt falls, and nobody starves the packet
 * path.
 */
import { describe, expect, it } from 'vitest'
import { EventLoop, type PollSource } from '../../../kernel/event-loop.ts'
import type { Platform } from '../../../kernel/hal/platform.ts'
import { Interrupts } from '../../../kernel/interrupts.ts'
import { TimerQueue } from '../../../kernel/timer-queue.ts'

class Stopped extends Error {}

/**
 * One CPU with one device. Every call that the loop makes is a step; `injectAt` says before which
 * step the device finishes one piece of work. The device raises its interrupt only while armed, as
 * virtio does.
 */
class Machine {
  step = 0
  armed = false
  work = 0
  served = 0
  nowNs = 0
  waits: number[] = []
  jobs: (() => void)[] = []
  rejections: unknown[] = []
  readonly counters = new Uint32Array(9)
  readonly interrupts = new Interrupts({
    interruptCounters: this.counters,
    interruptVectorCount: 8,
  })
  readonly timers = new TimerQueue()
  readonly source: PollSource
  readonly loop: EventLoop
  injectAt = -1
  /**
   * Whether what the device writes can be waited for awake, how long was looked each time, and what
   * happens meanwhile.
   */
  isWatched = false
  looks: number[] = []
  /** Whether a poll says that it found all there was. */
  lastWork = false
  onLook: () => void = () => {}
  maximumSteps = 10_000
  /** Called when the processor sleeps and nothing can wake it. */
  onDeepSleep: () => void = () => {
    throw new Stopped()
  }

  constructor() {
    this.interrupts.register('device', () => this.tick())
    this.source = {
      poll: () => {
        this.tick()
        if (this.work === 0) return false
        this.work--
        this.served++
        return !this.lastWork
      },
      nextDeadlineNs: () => {
        this.tick()
        return Number.POSITIVE_INFINITY
      },
      armInterrupts: () => {
        this.tick()
        this.armed = true
        this.tick()
        return this.work === 0
      },
      disarmInterrupts: () => {
        this.tick()
        this.armed = false
      },
      watch: () => {
        this.tick()
        return this.isWatched ? { address: 4096, mask: 0xffff, value: this.served } : null
      },
    }
    const platform: Pick<
      Platform,
      | 'monotonicNs'
      | 'waitForInterrupt'
      | 'waitForWord'
      | 'runPendingJobs'
      | 'takeUnhandledRejection'
    > = {
      monotonicNs: () => {
        this.tick()
        return this.nowNs
      },
      waitForInterrupt: (seenTotal, deadlineNs) => this.wait(seenTotal, deadlineNs),
      waitForWord: (_address, _mask, _value, seenTotal, untilNs) => {
        this.tick()
        this.looks.push(untilNs - this.nowNs)
        this.onLook()
        if (this.work > 0 || this.counters[0] !== seenTotal) return true
        this.nowNs = untilNs
        return false
      },
      runPendingJobs: (limit) => {
        this.tick()
        let count = 0
        while (count < limit && this.jobs.length > 0) {
          this.jobs.shift()!()
          count++
        }
        return this.rejections.length > 0 ? ~count : count
      },
      takeUnhandledRejection: () =>
        this.rejections.length > 0 ? [this.rejections.shift()] : undefined,
    }
    this.loop = new EventLoop(platform as Platform, this.interrupts, this.timers, (reason) => {
      throw reason
    })
    this.loop.add(this.source)
  }

  run(): void {
    try {
      this.loop.run()
    } catch (error) {
      if (!(error instanceof Stopped)) throw error
    }
  }

  finishWork(): void {
    this.work++
    if (this.armed) {
      this.counters[1]!++
      this.counters[0]!++
    }
  }

  private tick(): void {
    if (this.step++ === this.injectAt) this.finishWork()
    if (this.step > this.maximumSteps) throw new Stopped()
  }

  private wait(seenTotal: number, deadlineNs: number): void {
    this.tick()
    this.waits.push(deadlineNs)
    if (this.counters[0] !== seenTotal) return
    if (deadlineNs !== Number.POSITIVE_INFINITY) {
      this.nowNs = Math.max(this.nowNs, deadlineNs)
      return
    }
    this.onDeepSleep()
  }
}

describe('EventLoop', () => {
  it('sleeps without a deadline when there is nothing to do', () => {
    const machine = new Machine()
    machine.run()
    expect(machine.waits).toEqual([Number.POSITIVE_INFINITY])
    expect(machine.armed).toBe(true)
  })

  it('loses no wake-up: work that ends before any step is served before the machine sleeps for good', () => {
    const idle = new Machine()
    idle.run()
    const stepsUntilSleep = idle.step
    expect(stepsUntilSleep).toBeGreaterThan(6)
    for (let injectAt = 0; injectAt < stepsUntilSleep; injectAt++) {
      const machine = new Machine()
      machine.injectAt = injectAt
      machine.run()
      expect(machine.served, `work finished before step ${injectAt}`).toBe(1)
    }
  })

  it('loses no wake-up on a busy machine either: every step of three wake-ups and a timer', () => {
    const scenario = (injectAt: number) => {
      const machine = new Machine()
      machine.injectAt = injectAt
      machine.timers.add(1000, () => machine.jobs.push(() => machine.finishWork()))
      let wakes = 0
      machine.onDeepSleep = () => {
        if (++wakes > 3) throw new Stopped()
        machine.finishWork()
      }
      machine.run()
      return machine
    }
    const steps = scenario(-1).step
    expect(scenario(-1).served).toBe(4)
    for (let injectAt = 0; injectAt < steps; injectAt++) {
      expect(scenario(injectAt).served, `step ${injectAt}`).toBe(5)
    }
  })

  it('takes one turn for an interrupt and the work that it tells of', () => {
    const machine = new Machine()
    let wakes = 0
    let turnsBefore = 0
    machine.onDeepSleep = () => {
      if (++wakes > 1) throw new Stopped()
      turnsBefore = machine.loop.turns
      machine.lastWork = true
      machine.finishWork()
    }
    machine.run()
    expect(machine.served).toBe(1)
    expect(machine.loop.turns - turnsBefore).toBe(1)
  })

  it('looks awake before it halts while that finds work, with interrupts off, and halts when it does not', () => {
    const machine = new Machine()
    machine.isWatched = true
    let wakes = 0
    machine.onDeepSleep = () => {
      if (++wakes > 2) throw new Stopped()
      machine.nowNs += wakes === 1 ? 10_000 : 10_000_000
      machine.finishWork()
    }
    const armed: boolean[] = []
    machine.onLook = () => {
      armed.push(machine.armed)
      // Two frames come while it looks, then none.
      if (machine.looks.length <= 2) machine.finishWork()
    }
    machine.run()
    expect(machine.served).toBe(4)
    expect(machine.loop.polls).toBe(2)
    // After a wait of 10 ms it halts at once.
    expect(machine.looks).toEqual([50_000, 50_000, 50_000])
    expect(armed).toEqual([false, false, false])
    expect(machine.counters[0]).toBe(2)
  })

  it('looks no longer than until the next timer is due', () => {
    const machine = new Machine()
    machine.isWatched = true
    let wakes = 0
    machine.onDeepSleep = () => {
      if (++wakes > 1) throw new Stopped()
      machine.timers.add(machine.nowNs + 7_000, () => {})
      machine.finishWork()
    }
    machine.run()
    expect(machine.looks[0]).toBe(7_000)
  })

  it('sleeps until the earliest deadline of timers and sources', () => {
    const machine = new Machine()
    machine.timers.add(5000, () => {})
    machine.loop.add({
      poll: () => false,
      nextDeadlineNs: (nowNs) => (nowNs < 3000 ? 3000 : Number.POSITIVE_INFINITY),
      armInterrupts: () => true,
      disarmInterrupts: () => {},
      watch: () => null,
    })
    machine.run()
    expect(machine.waits).toEqual([3000, 5000, Number.POSITIVE_INFINITY])
  })

  it('calls back once before its first sleep, when work and jobs are done', () => {
    const machine = new Machine()
    machine.work = 3
    machine.jobs.push(() => machine.jobs.push(() => {}))
    const seen: number[][] = []
    machine.loop.whenIdle(() => {
      seen.push([machine.served, machine.jobs.length, machine.waits.length])
      machine.work++
    })
    machine.run()
    expect(seen).toEqual([[3, 0, 0]])
    expect(machine.served).toBe(4)
  })

  it('polls on while an app queues promise jobs without end', () => {
    const machine = new Machine()
    const again = () => {
      machine.jobs.push(again)
    }
    again()
    machine.work = 50
    machine.maximumSteps = 1000
    machine.run()
    expect(machine.served).toBe(50)
  })

  it('polls on while an app re-arms a due timer without end', () => {
    const machine = new Machine()
    const again = () => {
      machine.timers.add(0, again)
    }
    again()
    machine.work = 50
    machine.maximumSteps = 1000
    machine.run()
    expect(machine.served).toBe(50)
  })

  it('runs timers and jobs while packets arrive without end', () => {
    const machine = new Machine()
    machine.work = Number.POSITIVE_INFINITY
    machine.maximumSteps = 1000
    let ran = 0
    machine.timers.add(0, () => ran++)
    machine.jobs.push(() => ran++)
    machine.run()
    expect(ran).toBe(2)
  })

  it('reports a rejection once no job is left that might handle it', () => {
    const machine = new Machine()
    machine.rejections.push(new Error('nobody caught this'))
    expect(() => machine.run()).toThrow('nobody caught this')

    const busy = new Machine()
    const jobsBefore: number[] = []
    for (let job = 0; job < 600; job++) busy.jobs.push(() => {})
    busy.jobs.push(() => {
      jobsBefore.push(busy.jobs.length)
      busy.rejections.length = 0
    })
    busy.rejections.push(new Error('handled by the last job'))
    busy.run()
    expect(jobsBefore).toEqual([0])
  })

  it('reports a rejection in the end when jobs never end', () => {
    const machine = new Machine()
    const again = () => {
      machine.jobs.push(again)
    }
    again()
    machine.rejections.push(new Error('nobody caught this'))
    expect(() => machine.run()).toThrow('nobody caught this')
  })

  it('lets an error of a source end the run', () => {
    const machine = new Machine()
    machine.loop.add({
      poll: () => {
        throw new TypeError('broken source')
      },
      nextDeadlineNs: () => Number.POSITIVE_INFINITY,
      armInterrupts: () => true,
      disarmInterrupts: () => {},
      watch: () => null,
    })
    expect(() => machine.run()).toThrow('broken source')
  })
})
