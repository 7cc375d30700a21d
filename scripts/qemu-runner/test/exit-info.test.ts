/** The five ways a run ends are told apart. */
import { describe, expect, it } from 'vitest'
import { classifyExit, describeExit } from '../src/index.ts'

const nothing = { status: null, signal: null, stderr: '', stopRequested: false, tail: '' }

describe('classifyExit', () => {
  it('takes 33 as a clean exit', () => {
    expect(classifyExit({ ...nothing, status: 33 })).toEqual({ kind: 'clean', status: 33 })
  })

  it('takes another odd status as the guest’s failure and gives its code', () => {
    const exit = classifyExit({ ...nothing, status: (0x22 << 1) | 1 })
    expect(exit).toEqual({ kind: 'guest-failure', status: 69, code: 0x22 })
  })

  it('takes all codes that a guest can write, 0x40 to 0x7f too, whose status is beyond 127', () => {
    for (const code of [1, 0x11, 0x3e, 0x40, 0x61, 0x7f]) {
      const exit = classifyExit({ ...nothing, status: ((code << 1) | 1) & 0xff })
      expect(exit).toEqual({ kind: 'guest-failure', status: (code << 1) | 1, code })
    }
  })

  it('takes status 1 as QEMU’s own failure, with its words', () => {
    const exit = classifyExit({ ...nothing, status: 1, stderr: 'no such device\n' })
    expect(exit.kind).toBe('qemu-failure')
    expect(describeExit(exit)).toContain('no such device')
  })

  it('takes 127, a missing program, as QEMU’s failure although it is odd', () => {
    expect(classifyExit({ ...nothing, status: 127 }).kind).toBe('qemu-failure')
  })

  it('tells a triple fault by QMP’s reason', () => {
    const exit = classifyExit({ ...nothing, status: 0, shutdownReason: 'guest-reset' })
    expect(exit).toEqual({ kind: 'shutdown', reason: 'guest-reset' })
  })

  it('tells a signal from the runner’s own kill after the time was up', () => {
    expect(classifyExit({ ...nothing, signal: 'SIGSEGV' }).kind).toBe('signal')
    const late = classifyExit({ ...nothing, signal: 'SIGKILL', timedOutAfterMs: 50, tail: 'last' })
    expect(late).toEqual({ kind: 'timeout', timeoutMs: 50, tail: 'last' })
  })

  it('tells a stop that the caller asked for', () => {
    expect(classifyExit({ ...nothing, signal: 'SIGKILL', stopRequested: true }).kind).toBe(
      'stopped',
    )
  })
})
