/**
 * PCAP=: the file that the guest's own stack records into, checked before any work, and the wall
 * clock put into it.
 */
import { closeSync, constants, openSync, readSync, rmSync, statSync, writeSync } from 'node:fs'
import { resolve } from 'node:path'
import type { SerialPort, Vm } from 'qemu-runner'
import { RunError } from './run-error.ts'

/** The port that switches the guest's capture on by being there. */
const PORT_NAME = 'eremite.pcapng'
/** Section header and interface description lie within this much of the file's start. */
const HEAD_BYTES = 4096
const BYTE_ORDER_MAGIC = 0x1a2b3c4d
const INTERFACE_DESCRIPTION = 1
const TIME_OFFSET_OPTION = 14

/**
 * Where the guest shall record, or undefined; throws RunError when nothing can be written there.
 */
export function capturePort(path: string | undefined): SerialPort | undefined {
  if (path === undefined) return undefined
  const absolute = resolve(path)
  try {
    const before = statSync(absolute, { throwIfNoEntry: false })
    if (before?.isFIFO() !== true) {
      closeSync(openSync(absolute, constants.O_WRONLY | constants.O_CREAT))
      // The guest may never come up: nothing is left then.
      if (before === undefined) rmSync(absolute)
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new RunError(
      `Cannot write PCAP=${path}: ${CAUSES[code ?? ''] ?? message}`,
      'name a file in a folder that is there and may be written',
    )
  }
  return { name: PORT_NAME, path: absolute }
}

const CAUSES: Readonly<Record<string, string>> = {
  ENOENT: 'no such folder',
  ENOTDIR: 'no such folder',
  EISDIR: 'it is a folder',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
}

/**
 * Once the guest is ready, tells its capture what time it is: the guest has no clock but its own,
 * from its entry on. The format counts this offset in whole seconds, so dates are right to half a
 * second and differences to the nanosecond.
 */
export async function setCaptureClock(vm: Vm, path: string): Promise<void> {
  const { value, receivedAtMs } = await vm.events.once('ready', { timeoutMs: 2 ** 31 - 1 })
  const agoMs = performance.now() - receivedAtMs
  const entryMs = Date.now() - agoMs - (value.ns ?? 0) / 1e6
  writeTimeOffset(path, Math.round(entryMs / 1000))
}

/**
 * Writes `seconds` into if_tsoffset of the file's first interface; a file that has none, or is a
 * FIFO, stays as it is.
 */
export function writeTimeOffset(path: string, seconds: number): void {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return
  const file = openSync(path, 'r+')
  try {
    const head = Buffer.alloc(HEAD_BYTES)
    const length = readSync(file, head, 0, HEAD_BYTES, 0)
    const position = findTimeOffset(head.subarray(0, length))
    if (position === undefined) return
    const value = Buffer.alloc(8)
    if (isLittleEndian(head)) value.writeBigInt64LE(BigInt(seconds))
    else value.writeBigInt64BE(BigInt(seconds))
    writeSync(file, value, 0, 8, position)
  } finally {
    closeSync(file)
  }
}

function isLittleEndian(head: Buffer): boolean {
  return head.readUInt32LE(8) === BYTE_ORDER_MAGIC
}

/** Position of the value of if_tsoffset in the first Interface Description Block. */
function findTimeOffset(head: Buffer): number | undefined {
  if (head.length < 28) return undefined
  const little = isLittleEndian(head)
  const read32 = (at: number): number => (little ? head.readUInt32LE(at) : head.readUInt32BE(at))
  const read16 = (at: number): number => (little ? head.readUInt16LE(at) : head.readUInt16BE(at))
  const block = read32(4)
  if (block + 16 > head.length || read32(block) !== INTERFACE_DESCRIPTION) return undefined
  const end = Math.min(block + read32(block + 4) - 4, head.length - 12)
  for (let at = block + 16; at <= end; ) {
    const length = read16(at + 2)
    if (read16(at) === TIME_OFFSET_OPTION && length === 8) return at + 4
    at += 4 + ((length + 3) & ~3)
  }
  return undefined
}
