/** Both forms of apt's source entries, sources.list(5). */
import { describe, expect, it } from 'vitest'
import { parseSources } from './debian-sources.ts'

describe('parseSources', () => {
  it('finds archive and keyring in a deb822 stanza', () => {
    const text = [
      'Types: deb',
      '# a comment',
      'URIs: http://mirror.example/debian-security',
      'Suites: bookworm-security',
      '',
      'Types: deb deb-src',
      'URIs: http://mirror.example/debian',
      'Suites: bookworm',
      'Components: main',
      'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg',
    ].join('\n')
    expect(parseSources(text, true)).toEqual({
      uri: 'http://mirror.example/debian',
      signedBy: '/usr/share/keyrings/debian-archive-keyring.gpg',
    })
  })

  it('passes over stanzas that are switched off', () => {
    expect(parseSources('Enabled: no\nURIs: http://mirror.example/debian\n', true)).toBeUndefined()
  })

  it('reads fields that go on in the next line', () => {
    const text = 'URIs: http://other.example/x\n http://mirror.example/debian/\nSuites: sid\n'
    expect(parseSources(text, true)?.uri).toBe('http://mirror.example/debian/')
  })

  it('leaves an embedded key to apt', () => {
    const text = 'URIs: http://mirror.example/debian\nSigned-By:\n -----BEGIN PGP\n .\n'
    expect(parseSources(text, true)?.signedBy).toBeUndefined()
  })

  it('finds archive and keyring in a one-line entry', () => {
    const text = [
      '# deb http://old.example/debian bookworm main',
      'deb http://vendor.example/repo stable main',
      'deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib',
    ].join('\n')
    expect(parseSources(text, false)).toEqual({
      uri: 'http://mirror.example/debian',
      signedBy: '/k.gpg',
    })
  })

  it('needs no options in a one-line entry', () => {
    const entry = 'deb http://mirror.example/debian/ bookworm main\n'
    expect(parseSources(entry, false)?.signedBy).toBeUndefined()
    expect(parseSources(entry, false)?.uri).toBe('http://mirror.example/debian/')
  })

  it('says so when no entry names Debian', () => {
    expect(parseSources('deb http://vendor.example/repo stable main\n', false)).toBeUndefined()
    expect(parseSources('', true)).toBeUndefined()
  })
})
