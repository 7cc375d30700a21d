/**
 * Writes a cpio archive in the `newc` form, the one an initramfs is made of (Linux, initramfs
 * buffer format).
 */

/** Bits of `c_mode`. */
const FILE_TYPE = { directory: 0o040000, file: 0o100000, symlink: 0o120000 } as const

export interface ArchiveEntry {
  readonly type: keyof typeof FILE_TYPE
  /** Relative to the root, without a leading slash. */
  readonly path: string
  /** Permission bits. */
  readonly mode: number
  /** Of a file its content, of a symlink its target, of a directory nothing. */
  readonly content: Buffer
}

const MAGIC = '070701'
const TRAILER = 'TRAILER!!!'
const ALIGNMENT = 4
const LONGEST_CONTENT = 0xffffffff

/**
 * Entries come out in the given order, owned by root, dated 1970: the same input gives the same
 * bytes.
 */
export function writeCpio(entries: readonly ArchiveEntry[]): Buffer {
  const chunks: Buffer[] = []
  for (const [index, entry] of entries.entries()) {
    const isDirectory = entry.type === 'directory'
    chunks.push(
      ...member({
        inode: index + 1,
        mode: FILE_TYPE[entry.type] | entry.mode,
        links: isDirectory ? 2 : 1,
        path: entry.path,
        content: entry.content,
      }),
    )
  }
  const end = { inode: 0, mode: 0, links: 1, path: TRAILER, content: Buffer.alloc(0) }
  return Buffer.concat([...chunks, ...member(end)])
}

interface Member {
  readonly inode: number
  readonly mode: number
  readonly links: number
  readonly path: string
  readonly content: Buffer
}

function member({ inode, mode, links, path, content }: Member): Buffer[] {
  if (path === '' || path.startsWith('/')) {
    throw new RangeError(`Cannot archive "${path}": paths are relative to the root`)
  }
  if (content.length > LONGEST_CONTENT) throw new RangeError(`Cannot archive ${path}: too long`)
  const name = Buffer.from(`${path}\0`)
  // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor,
  // namesize, check
  const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0]
  const header = Buffer.from(
    MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''),
    'latin1',
  )
  return [header, name, padding(header.length + name.length), content, padding(content.length)]
}

/** Header with name, and content, each end on a multiple of four. */
function padding(length: number): Buffer {
  return Buffer.alloc((ALIGNMENT - (length % ALIGNMENT)) % ALIGNMENT)
}
