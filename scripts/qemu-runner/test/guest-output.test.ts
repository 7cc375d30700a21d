/** Console and event expectations: answered, late, or ended at once by a panic or an exit. */
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { GuestConsole } from '../src/guest-console.ts'
import { type GuestEvent, GuestEvents } from '../src/guest-events.ts'
import { PendingWaits } from '../src/pending-waits.ts'

function guest() {
  const serial = new PassThrough()
  const debug = new PassThrough()
  const waits = new PendingWaits(() => console.tail())
  const console = new GuestConsole(serial, waits)
  const events = new GuestEvents(debug, waits)
  return { serial, debug, waits, console, events }
}

describe('GuestConsole', () => {
  it('finds a line that comes in pieces, and the groups of a pattern', async () => {
    const { serial, console } = guest()
    const waiting = console.expect(/^port (\d+)$/)
    serial.write('boot\r\npo')
    serial.write('rt 80\r\n')
    expect((await waiting)[1]).toBe('80')
    expect(console.lines).toEqual(['boot', 'port 80'])
  })

  it('goes on after the line it matched last, and from the start when told', async () => {
    const { serial, console } = guest()
    serial.write('ready\nready\n')
    await console.expect('ready')
    await console.expect('ready')
    await expect(console.expect('ready', { timeoutMs: 20 })).rejects.toThrow('within 20 ms')
    await console.expect('ready', { from: 'start' })
  })

  it('answers a prompt, which has no line end, once: what follows on its line is new', async () => {
    const { serial, console } = guest()
    serial.write('login: ')
    await console.expect('login: ')
    await expect(console.expect('login: ', { timeoutMs: 20 })).rejects.toThrow('within 20 ms')
    serial.write('root\r\n')
    await console.expect(/^root$/)
    await expect(console.expect('root', { timeoutMs: 20 })).rejects.toThrow('within 20 ms')
    serial.write('login: ')
    await console.expect('login: ')
    await console.expect('login: root', { from: 'start' })
  })

  it('names what it waited for and shows the last output when the time is up', async () => {
    const { serial, console } = guest()
    serial.write('probing\n')
    await expect(console.expect('listening', { timeoutMs: 20 })).rejects.toThrow(
      /Cannot see listening on the console: nothing within 20 ms[\s\S]*probing/,
    )
  })

  it('reads nothing while it is paused, and all of it afterwards', async () => {
    const { serial, console } = guest()
    console.pause()
    serial.write('unseen\n')
    await expect(console.expect('unseen', { timeoutMs: 20 })).rejects.toThrow('within 20 ms')
    console.resume()
    await console.expect('unseen')
  })

  it('treats a string literally', async () => {
    const { serial, console } = guest()
    serial.write('a.b (c)\n')
    await expect(console.expect('a.b (c)')).resolves.toBeDefined()
    await expect(console.expect('a.b [c', { timeoutMs: 5 })).rejects.toThrow('within')
  })
})

describe('GuestEvents', () => {
  it('answers with an event that came before the question', async () => {
    const { debug, events } = guest()
    debug.write('{"event":"ready","ns":5}\n')
    const { value } = await events.once('ready')
    expect(value.ns).toBe(5)
  })

  it('takes only an event whose fields pass, among those before and after the question', async () => {
    const { debug, events } = guest()
    debug.write('{"event":"test","name":"a","ok":true}\n{"event":"test","name":"b","ok":true}\n')
    await events.once('test')
    const named = (name: string) => ({ where: (value: GuestEvent) => value.name === name })
    expect((await events.once('test', named('b'))).value.name).toBe('b')
    const later = events.once('test', named('c'))
    debug.write('{"event":"test","name":"d"}\n{"event":"other","name":"c"}\n')
    debug.write('{"event":"test","name":"c","ok":false}\n')
    expect((await later).value.ok).toBe(false)
    await expect(events.once('test', { ...named('e'), timeoutMs: 10 })).rejects.toThrow(
      'Cannot see event "test" with the fields asked for: nothing within 10 ms',
    )
  })

  it('keeps what is no event apart', async () => {
    const { debug, events } = guest()
    debug.write('SeaBIOS\n{"ns":1}\n{"event":"ready"}\n')
    await events.once('ready')
    expect(events.noise).toEqual(['SeaBIOS', '{"ns":1}'])
  })

  it('ends every other wait at once on a panic, with its message', async () => {
    const { debug, console, events } = guest()
    const line = console.expect('never', { timeoutMs: 60_000 })
    const event = events.once('ready', { timeoutMs: 60_000 })
    const panic = events.once('panic')
    debug.write('{"event":"panic","message":"heap exhausted"}\n')
    expect((await panic).value.message).toBe('heap exhausted')
    await expect(line).rejects.toThrow('heap exhausted')
    await expect(event).rejects.toThrow('heap exhausted')
    await expect(events.once('ready', { timeoutMs: 60_000 })).rejects.toThrow('heap exhausted')
  })

  it('keeps a wait that asked for it through a panic, until the exit', async () => {
    const { debug, events, waits } = guest()
    const exit = events.once('exit', { despitePanic: true })
    const other = events.once('other', { despitePanic: true, timeoutMs: 60_000 })
    debug.write('{"event":"panic"}\n{"event":"exit","code":34}\n')
    expect((await exit).value.code).toBe(34)
    waits.end('exit', 'the guest has ended')
    await expect(other).rejects.toThrow('the guest has ended')
  })
})
