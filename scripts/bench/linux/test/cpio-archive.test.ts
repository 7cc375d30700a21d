/**
 * The initramfs buffer format of Linux (Documentation/driver-api/early-userspace/buffer-format).
 */
import { describe, expect, it } from 'vitest'
import { type ArchiveEntry, writeCpio } from '../cpio-archive.ts'

interface Member {
  readonly path: string
  readonly mode: number
  readonly links: number
  readonly inode: number
  readonly content: Buffer
}

/** Reads by the words of the format: 6 octets of magic, 13 fields of 8 hexadecimal digits. */
function readCpio(archive: Buffer): Member[] {
  const members: Member[] = []
  for (let at = 0; at < archive.length; ) {
    expect(at % 4, '"pad(4)" before each header').toBe(0)
    expect(archive.toString('latin1', at, at + 6)).toBe('070701')
    const fields = Array.from({ length: 13 }, (_, index) =>
      Number.parseInt(archive.toString('latin1', at + 6 + index * 8, at + 14 + index * 8), 16),
    )
    const [inode, mode, , , links, , size, , , , , nameSize, check] = fields
    expect(check, 'zero with this magic').toBe(0)
    const name = archive.toString('utf8', at + 110, at + 110 + nameSize!)
    expect(name.endsWith('\0')).toBe(true)
    const start = (at + 110 + nameSize! + 3) & ~3
    const content = archive.subarray(start, start + size!)
    members.push({ path: name.slice(0, -1), mode: mode!, links: links!, inode: inode!, content })
    at = (start + size! + 3) & ~3
  }
  return members
}

const ENTRIES: ArchiveEntry[] = [
  { type: 'directory', path: 'bin', mode: 0o755, content: Buffer.alloc(0) },
  { type: 'file', path: 'bin/busybox', mode: 0o755, content: Buffer.from('12345') },
  { type: 'file', path: 'etc', mode: 0o644, content: Buffer.alloc(0) },
  { type: 'symlink', path: 'init', mode: 0o777, content: Buffer.from('bin/busybox') },
]

describe('writeCpio', () => {
  it('writes what a reader of the format reads, and the trailer last', () => {
    const members = readCpio(writeCpio(ENTRIES))
    expect(members.map(({ path }) => path)).toEqual([
      ...ENTRIES.map(({ path }) => path),
      'TRAILER!!!',
    ])
    expect(members.map(({ content }) => content.toString()).slice(0, 4)).toEqual(
      ENTRIES.map(({ content }) => content.toString()),
    )
  })

  it('says what each member is (S_IFDIR, S_IFREG, S_IFLNK) with its permissions', () => {
    const modes = readCpio(writeCpio(ENTRIES)).map(({ mode }) => mode.toString(8))
    expect(modes.slice(0, 4)).toEqual(['40755', '100755', '100644', '120777'])
  })

  it('gives every member an inode of its own, or the kernel would take them for hard links', () => {
    const inodes = readCpio(writeCpio(ENTRIES)).map(({ inode }) => inode)
    expect(new Set(inodes).size).toBe(inodes.length)
  })

  it('gives the same bytes for the same entries', () => {
    expect(writeCpio(ENTRIES).equals(writeCpio(ENTRIES))).toBe(true)
  })

  it('refuses paths that the kernel would put elsewhere', () => {
    const entry = { ...ENTRIES[1]!, path: '/bin/busybox' }
    expect(() => writeCpio([entry])).toThrow('paths are relative')
  })
})
