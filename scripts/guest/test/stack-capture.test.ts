/**
 * PCAP=: what cannot be written is refused before any work, and the guest's capture is told what
 * time it is.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PcapngBlocks } from '../../../net/capture/pcapng.ts'
import { readPcapng } from '../../../test/support/pcapng-reader.ts'
import { capturePort, writeTimeOffset } from '../stack-capture.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-capture-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('capturePort', () => {
  it('names the file absolutely, and leaves none behind for a guest that never comes up', () => {
    const path = join(folder, 'new.pcapng')
    const port = capturePort(relative(process.cwd(), path))
    expect(port).toEqual({ name: 'eremite.pcapng', path })
    expect(existsSync(path)).toBe(false)
  })

  it('does not touch a file that is there', () => {
    const path = join(folder, 'old.pcapng')
    writeFileSync(path, 'precious')
    expect(capturePort(path)?.path).toBe(path)
    expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  it('takes a FIFO, whether anybody reads it yet or not', () => {
    const path = join(folder, 'fifo')
    execFileSync('mkfifo', [path])
    expect(capturePort(path)?.path).toBe(path)
  })

  it('is nothing without PCAP=', () => {
    expect(capturePort(undefined)).toBeUndefined()
  })

  it.each([
    ['a folder that is not there', () => join(folder, 'nowhere/x.pcapng'), 'no such folder'],
    ['a folder', () => folder, 'it is a folder'],
    ['below a file', () => join(folder, 'old.pcapng/x.pcapng'), 'no such folder'],
  ])('refuses %s', (_what, path, cause) => {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'old.pcapng'), '')
    expect(() => capturePort(path())).toThrow(`Cannot write PCAP=${path()}: ${cause}`)
  })
})

describe('writeTimeOffset', () => {
  const encoder = new TextEncoder()

  /** A file as the guest begins it. */
  function begin(name: string): string {
    const bytes = new Uint8Array(4096)
    const blocks = new PcapngBlocks(
      (text, target, offset) => encoder.encodeInto(text, target.subarray(offset)).written,
    )
    blocks.aim(bytes, new DataView(bytes.buffer), 0)
    blocks.sectionHeader('Eremite', 'a comment')
    blocks.interfaceDescription('stack', 'text', Uint8Array.of(2, 0, 0, 0, 0, 1))
    blocks.packet(0, 1_500_000_000, 0, 2, 0, '')
    const path = join(folder, name)
    writeFileSync(path, bytes.subarray(0, blocks.offset))
    return path
  }

  it('gives packets their date: seconds are added to what the guest counted (if_tsoffset)', () => {
    const path = begin('clock.pcapng')
    const before = readFileSync(path)
    writeTimeOffset(path, 1_700_000_000)
    const [packet] = readPcapng(readFileSync(path))[0]!.packets
    expect(packet!.timeNs).toBe(1_700_000_001_500_000_000n)
    const after = readFileSync(path)
    const changed = [...after.keys()].filter((at) => after[at] !== before[at])
    expect(changed.length).toBeLessThanOrEqual(8)
    expect(after.length).toBe(before.length)
  })

  it('leaves alone what is no capture, is cut short, or is gone', () => {
    const path = begin('cut.pcapng')
    const whole = readFileSync(path)
    for (let length = 0; length < 160; length++) {
      writeFileSync(path, whole.subarray(0, length))
      writeTimeOffset(path, 1_700_000_000)
      expect(readFileSync(path).length).toBe(length)
    }
    writeFileSync(path, 'x'.repeat(500))
    writeTimeOffset(path, 1)
    expect(readFileSync(path, 'utf8')).toBe('x'.repeat(500))
    rmSync(path)
    expect(() => writeTimeOffset(path, 1)).not.toThrow()
    expect(() => writeTimeOffset('/dev/null', 1)).not.toThrow()
  })
})
