/**
 * The cache of the Linux guest's packages: used when it is whole and for this guest, and not
 * otherwise.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Manifest, readManifest, WANTED } from '../fetch-packages.ts'

let cache: string
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'eremite-cache-'))
})
afterEach(() => rmSync(cache, { recursive: true }))

const MANIFEST: Manifest = {
  wanted: WANTED,
  packages: [{ name: 'iperf3', version: '3.18', file: 'iperf3_3.18.deb', bytes: 5 }],
}

function fill(manifest: Manifest, archive = '12345'): void {
  writeFileSync(join(cache, 'packages.json'), JSON.stringify(manifest))
  writeFileSync(join(cache, 'iperf3_3.18.deb'), archive)
}

describe('readManifest', () => {
  it('finds what an earlier run downloaded, so that nothing is downloaded again', () => {
    fill(MANIFEST)
    expect(readManifest(cache)).toEqual(MANIFEST)
  })

  it('finds nothing in a cache that is empty, cut short, or of another selection', () => {
    expect(readManifest(cache)).toBeUndefined()
    writeFileSync(join(cache, 'packages.json'), '{"wanted":')
    expect(readManifest(cache)).toBeUndefined()
    fill(MANIFEST, '1234')
    expect(readManifest(cache)).toBeUndefined()
    fill({ ...MANIFEST, wanted: ['bookworm'] })
    expect(readManifest(cache)).toBeUndefined()
    fill(MANIFEST)
    rmSync(join(cache, 'iperf3_3.18.deb'))
    expect(readManifest(cache)).toBeUndefined()
  })

  it('knows the release, the kernel and every program it was filled for', () => {
    expect(WANTED).toContain('linux-image-cloud-amd64')
    expect(WANTED).toContain('nginx')
  })
})
