/**
 * The QMP client against a monitor played by the test: answers, refusals, deadlines, events,
 * garbage.
 */
import { Duplex } from 'node:stream'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { PendingWaits } from '../src/pending-waits.ts'
import { QmpClient, QmpError, QmpTimeoutError } from '../src/qmp/client.ts'

interface Call {
  readonly execute: string
  readonly id: number
  readonly arguments: unknown
}

/** A monitor that accepts the capabilities and leaves all else to the test. */
function monitor(waits?: PendingWaits) {
  const calls: Call[] = []
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      const call = JSON.parse(chunk.toString()) as Call
      if (call.execute === 'qmp_capabilities') say({ return: {}, id: call.id })
      else calls.push(call)
      done()
    },
  })
  const say = (message: unknown): void => {
    stream.push(`${JSON.stringify(message)}\r\n`)
  }
  const qmp = new QmpClient(stream, waits === undefined ? {} : { waits })
  return { stream, calls, say, qmp }
}

afterEach(() => {
  vi.useRealTimers()
})

describe('execute', () => {
  it('matches answers by id, whatever their order, with events in between', async () => {
    const { qmp, calls, say } = monitor()
    await qmp.ready
    const status = qmp.execute('query-status')
    const version = qmp.execute('query-version')
    expect(calls.map(({ execute }) => execute)).toEqual(['query-status', 'query-version'])
    say({ return: { package: 'second' }, id: calls[1]!.id })
    say({ event: 'STOP', timestamp: { seconds: 1, microseconds: 500_000 } })
    say({ return: { running: true }, id: calls[0]!.id })
    expect(await status).toEqual({ running: true })
    expect(await version).toEqual({ package: 'second' })
    expect(qmp.received).toEqual([{ name: 'STOP', data: {}, timeMs: 1500 }])
  })

  it('rejects with QEMU’s own words', async () => {
    const { qmp, calls, say } = monitor()
    const refused = qmp.executeAny('no-such-command')
    say({ error: { class: 'CommandNotFound', desc: 'has not been found' }, id: calls[0]!.id })
    await expect(refused).rejects.toThrow(QmpError)
    await expect(refused).rejects.toThrow('Cannot execute QMP no-such-command: has not been found')
  })

  it('does not hang on a monitor that does not answer, and ignores the answer that comes late', async () => {
    const { qmp, calls, say } = monitor()
    await qmp.ready
    const late = qmp.execute('query-status', {}, { timeoutMs: 20 })
    await expect(late).rejects.toThrow(QmpTimeoutError)
    await expect(late).rejects.toThrow('Cannot execute QMP query-status: no answer within 20 ms')
    say({ return: { running: true }, id: calls[0]!.id })
    const next = qmp.execute('query-kvm')
    say({ return: { enabled: false, present: true }, id: calls[1]!.id })
    expect(await next).toEqual({ enabled: false, present: true })
  })

  it('has a deadline of 10 s by default, and leaves no timer behind once answered', async () => {
    vi.useFakeTimers()
    const { qmp, calls, say } = monitor()
    const answered = qmp.execute('stop')
    say({ return: {}, id: calls[0]!.id })
    await answered
    await qmp.ready
    expect(vi.getTimerCount()).toBe(0)
    const late = expect(qmp.execute('cont')).rejects.toThrow('no answer within 10000 ms')
    await vi.advanceTimersByTimeAsync(10_000)
    await late
  })

  it('fails every command at once when QEMU goes, but takes that as the answer to quit', async () => {
    const { qmp, stream } = monitor()
    const status = qmp.execute('query-status')
    const quit = qmp.execute('quit')
    stream.push(null)
    await expect(status).rejects.toThrow('QEMU has gone')
    expect(await quit).toEqual({})
    await expect(qmp.execute('query-status')).rejects.toThrow('QEMU has gone')
  })

  it.each(['not JSON at all', '42', 'null'])('ends on %j, which no monitor says', async (line) => {
    const { qmp, stream } = monitor()
    const status = qmp.execute('query-status')
    stream.push(`${line}\n`)
    await expect(status).rejects.toThrow(`Cannot understand QMP: ${JSON.stringify(line)}`)
  })
})

describe('once', () => {
  const reset = (guest: boolean) => ({ event: 'RESET', data: { guest, reason: 'guest-reset' } })

  it('takes the first event from now on whose data passes', async () => {
    const { qmp, say } = monitor()
    await qmp.ready
    say(reset(true))
    await vi.waitFor(() => expect(qmp.received).toHaveLength(1))
    const waiting = qmp.once('RESET', { where: ({ guest }) => guest })
    say(reset(false))
    say({ event: 'STOP' })
    say({ event: 'RESET', data: { guest: true, reason: 'guest-panic' } })
    expect((await waiting).reason).toBe('guest-panic')
    const early = await qmp.once('RESET', { from: 'start', where: ({ guest }) => !guest })
    expect(early.guest).toBe(false)
  })

  it('names the event when the time is up', async () => {
    const { qmp } = monitor()
    await expect(qmp.once('DEVICE_DELETED', { timeoutMs: 10 })).rejects.toThrow(
      'Cannot see QMP event DEVICE_DELETED: nothing within 10 ms',
    )
  })

  it('ends at once when the guest panics or exits, as every other wait does', async () => {
    const waits = new PendingWaits(() => 'last words')
    const { qmp } = monitor(waits)
    const waiting = qmp.once('STOP', { timeoutMs: 60_000 })
    const patient = qmp.once('SHUTDOWN', { timeoutMs: 60_000, despitePanic: true })
    waits.end('panic', 'the guest panicked: no memory')
    await expect(waiting).rejects.toThrow(/QMP event STOP: the guest panicked[\s\S]*last words/)
    waits.end('exit', 'the guest has ended: clean exit')
    await expect(patient).rejects.toThrow('the guest has ended: clean exit')
  })

  it('ends with the stream when there is nobody else to tell', async () => {
    const { qmp, stream } = monitor()
    const waiting = qmp.once('STOP', { timeoutMs: 60_000 })
    stream.push(null)
    await expect(waiting).rejects.toThrow('QEMU has gone')
  })
})
