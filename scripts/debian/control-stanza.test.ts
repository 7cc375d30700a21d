/** Stanzas of apt-cache, deb-control(5). */
import { describe, expect, it } from 'vitest'
import { parseControlStanzas } from './control-stanza.ts'

const TEXT = `Package: iperf3
Version: 3.18-2
Section: net
Size: 37328
Pre-Depends: init-system-helpers (>= 1.54~)
Depends: debconf (>= 0.5) | debconf-2.0, libc6 (>= 2.34), perl:any
Description: measure a network
 with more than one line,
 Depends: this is no field

Package: libc6
Version: 2.41-12
Section: libs

Package: iperf3
Version: 3.12-1
`

describe('parseControlStanzas', () => {
  it('reads name, version, section, size and, of alternatives, the first', () => {
    expect(parseControlStanzas(TEXT).get('iperf3')).toEqual({
      name: 'iperf3',
      version: '3.18-2',
      section: 'net',
      lengthBytes: 37328,
      dependencies: ['init-system-helpers', 'debconf', 'libc6', 'perl'],
    })
  })

  it('takes the first of several versions, and a stanza with few fields', () => {
    const packages = parseControlStanzas(TEXT)
    expect([...packages.keys()]).toEqual(['iperf3', 'libc6'])
    expect(packages.get('libc6')?.dependencies).toEqual([])
  })

  it('finds nothing in nothing', () => {
    expect(parseControlStanzas('').size).toBe(0)
    expect(parseControlStanzas('N: no package\n').size).toBe(0)
  })
})
