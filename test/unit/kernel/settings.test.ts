/**
 * What apps are told: settings from the command line and from a file, read-only files, read when
 * they are asked for.
 */
import { describe, expect, it } from 'vitest'
import { createSettings } from '../../../kernel/settings.ts'
import { parseSettings } from '../../../kernel/settings-text.ts'

function settingsOf(
  files: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>> = {},
) {
  let opened = 0
  const bytes = (name: string) => {
    const text = files[name]
    return text === undefined ? undefined : new TextEncoder().encode(text)
  }
  const settings = createSettings({
    open: () => {
      opened++
      return {
        names: (prefix) => Object.keys(files).filter((name) => name.startsWith(prefix)),
        lengthOf: (name) => bytes(name)?.length,
        read: bytes,
      }
    },
    given: new Map(Object.entries(given)),
    decodeText: (content, offset, length) =>
      new TextDecoder().decode(content.subarray(offset, offset + length)),
  })
  return { ...settings, opened: () => opened }
}

describe('env', () => {
  it('has the lines of the file, and over them what the command line gives', () => {
    const { env, opened } = settingsOf({ 'opt/eremite/env': 'A=file\nB=2' }, { A: 'given', C: '3' })
    expect(opened()).toBe(0)
    expect({ ...env }).toEqual({ A: 'given', B: '2', C: '3' })
    expect(JSON.stringify(env)).toBe('{"A":"given","B":"2","C":"3"}')
    expect('B' in env).toBe(true)
    expect(env.D).toBeUndefined()
    expect(opened()).toBe(1)
  })

  it('is frozen, whatever its names are', () => {
    const { env } = settingsOf({}, { A: '1', __proto__x: 'x' })
    expect(() => Object.assign(env, { A: '2' })).toThrow(TypeError)
    expect(() => Object.assign(env, { B: '2' })).toThrow(TypeError)
    expect(() => delete (env as Record<string, string>).A).toThrow(TypeError)
    expect(env.A).toBe('1')
    const named = settingsOf({ 'opt/eremite/env': '__proto__=it' }).env
    expect(Object.getOwnPropertyNames(named)).toEqual(['__proto__'])
    expect(Object.getPrototypeOf(named)).toBe(Object.prototype)
  })

  it('keeps what it has when an app freezes it before it has looked at it', () => {
    const { env } = settingsOf({ 'opt/eremite/env': 'A=1' })
    expect({ ...Object.freeze(env) }).toEqual({ A: '1' })
    expect(Object.isFrozen(env)).toBe(true)
  })

  it('asks a device that fails once, and says why each time', () => {
    let opened = 0
    const { env, files } = createSettings({
      open: () => {
        opened++
        throw new Error('it refuses')
      },
      given: new Map(),
      decodeText: () => '',
    })
    for (const look of [() => env.A, () => env.B, () => files.names(), () => files.has('a')]) {
      expect(look).toThrow('it refuses')
    }
    expect(opened).toBe(1)
  })

  it('names the line that is none, and never its value', () => {
    const { env } = settingsOf({ 'opt/eremite/env': 'A=1\nsecret words\n' })
    const look = () => env.A
    expect(look).toThrow('Cannot use opt/eremite/env: line 2 is not NAME=value')
    expect(look).not.toThrow(/secret/)
  })

  it('refuses a file beyond 64 KiB', () => {
    const { env } = settingsOf({ 'opt/eremite/env': `A=${'x'.repeat(65_536)}` })
    expect(() => env.A).toThrow(/its 65538 bytes are more than 65536/)
  })
})

describe('files', () => {
  it('are listed and read by their names, and only those of their folder', () => {
    const { files } = settingsOf({
      'opt/eremite/files/cert.pem': 'grüße',
      'opt/eremite/files/empty': '',
      'opt/eremite/env': '',
    })
    expect(files.names()).toEqual(['cert.pem', 'empty'])
    expect(files.text('cert.pem')).toBe('grüße')
    expect(files.bytes('empty')).toEqual(new Uint8Array(0))
    expect([files.has('empty'), files.has('env'), files.has('../env')]).toEqual([
      true,
      false,
      false,
    ])
    expect(() => files.text('none')).toThrow(
      /Cannot read the file none: .* -fw_cfg name=opt\/eremite\/files\/none,file=PATH/,
    )
  })
})

describe('the lines of a settings file', () => {
  it.each([
    ['A=1', '1'],
    ['  export A = 1  ', '1'],
    ['A=', ''],
    ['A=a b # c', 'a b'],
    ['A=a#b=c', 'a#b=c'],
    ["A='a # \\n b' # c", 'a # \\n b'],
    ['A="a # \\n \\"b\\" \\\\"', 'a # \n "b" \\'],
    ['# A=2\r\n\r\nA=0\r\nA=1\r\n', '1'],
  ])('%j gives A the value %j', (text, expected) => {
    expect(parseSettings(text)).toEqual(new Map([['A', expected]]))
  })

  it.each([
    ['A', /line 1 is not NAME=value/],
    ['A=1\n2A=1', /line 2 is not NAME=value/],
    ['=1', /line 1 is not/],
    ['A="x', /the quotes of line 1 do not match/],
    ["A='x'y'", /the quotes of line 1 do not match/],
  ])('%j is refused', (text, message) => {
    expect(() => parseSettings(text)).toThrow(message)
  })
})
