/**
 * The end of a failed run: mapped stack on the console, a panic event, the panic exit code; it
 * never throws itself.
 */
import { describe, expect, it } from 'vitest'
import { Events } from '../../../kernel/events.ts'
import { ExitCode } from '../../../kernel/hal/platform.ts'
import { describeError, panic } from '../../../kernel/panic.ts'

class Exited extends Error {
  readonly code: number
  constructor(code: number) {
    super('exited')
    this.code = code
  }
}

function run(thrown: unknown, mapStackTrace = (_stack: string) => 'at boot (kernel/main.ts:7:3)') {
  let console = ''
  let flushedAt = -1
  let events = ''
  let code = -1
  const platform = {
    writeConsole(text: string) {
      console += text
    },
    flushConsole() {
      flushedAt = console.length
    },
    writeEvent(text: string) {
      events += text
    },
    monotonicNs: () => 5_000,
    mapStackTrace,
    exit(exitCode: number): never {
      throw new Exited(exitCode)
    },
  }
  try {
    panic(platform, new Events(platform), 'uncaught error', thrown)
  } catch (error) {
    if (!(error instanceof Exited)) throw error
    code = error.code
  }
  return {
    console,
    flushedAt,
    event: JSON.parse(events),
    eventLines: events.split('\n').length,
    code,
  }
}

describe('panic', () => {
  it('waits for the reader of earlier lines first, so that the report finds room', () => {
    expect(run(new Error('no room')).flushedAt).toBe(0)
  })

  it('shows the TypeScript stack to people and machines and ends with the panic code', () => {
    const { console, event, eventLines, code } = run(new RangeError('ring is full'))
    expect(console).toBe(
      '\npanic: uncaught error: RangeError: ring is full\n    at boot (kernel/main.ts:7:3)\n',
    )
    expect(event).toEqual({
      event: 'panic',
      ns: 5000,
      code: 0x11,
      message: 'uncaught error: RangeError: ring is full',
      stack: '    at boot (kernel/main.ts:7:3)',
    })
    expect(eventLines).toBe(2)
    expect(code).toBe(ExitCode.Panic)
  })

  it.each([
    ['text', 'thrown value: "text"'],
    [undefined, 'thrown value: undefined'],
    [{ a: 1 }, 'thrown value: {"a":1}'],
    [null, 'thrown value: null'],
    [12n, 'thrown value: 12'],
    [Symbol('s'), 'thrown value: Symbol(s)'],
  ])('reports thrown %o', (thrown, message) => {
    const { console, code } = run(thrown)
    expect(console).toBe(`\npanic: uncaught error: ${message}\n`)
    expect(code).toBe(ExitCode.Panic)
  })

  it('survives a mapper and errors that throw', () => {
    const broken = () => {
      throw new Error('mapper')
    }
    expect(run(new Error('x'), broken).console).toContain(
      'panic: uncaught error: Error: x\n    Error: x\n',
    )
    const hostile = Object.defineProperty(new Error('x'), 'message', {
      get() {
        throw new Error('getter')
      },
    })
    expect(run(hostile).console).toContain('an error that cannot be described')
    expect(run(new Proxy({}, { get: broken, getPrototypeOf: broken })).code).toBe(ExitCode.Panic)
  })
})

describe('describeError', () => {
  it('follows causes, but not for ever', () => {
    const endless = new Error('loop')
    endless.cause = endless
    const { stack } = describeError(endless, () => '')
    expect(stack.split('\n')).toEqual(Array(4).fill('caused by Error: loop'))
  })
})
