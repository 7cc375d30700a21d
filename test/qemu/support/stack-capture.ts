/** The guest's own capture in a test: where it goes, and what tshark on the host reads in it. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { requireExecutable, type SerialPort } from 'qemu-runner'

/** The port whose presence switches the capture on. */
export const CAPTURE_PORT = 'eremite.pcapng'

export function capturePort(path: string): SerialPort {
  return { name: CAPTURE_PORT, path }
}

export interface CapturedFrame {
  readonly length: number
  readonly epoch: number
  /** epb_flags: 1 = the guest received it, 2 = it sent it. */
  readonly direction: 'in' | 'out'
  readonly comment: string
  /** Payload of TCP; 0 for everything else. */
  readonly tcpLength: number
  readonly sourcePort: number
  readonly destinationPort: number
  /** tshark's verdict on each checksum that is there: 0 bad, 1 good. */
  readonly checksums: readonly number[]
  readonly droppedBefore: number
}

const FIELDS = [
  'frame.len',
  'frame.time_epoch',
  'frame.packet_flags_direction',
  'frame.comment',
  'tcp.len',
  'tcp.srcport',
  'tcp.dstport',
  'ip.checksum.status',
  'tcp.checksum.status',
  'udp.checksum.status',
  'icmpv6.checksum.status',
  'frame.drop_count',
] as const
const VERIFY = ['ip.check_checksum', 'tcp.check_checksum', 'udp.check_checksum']

/** What tshark reads; throws when it complains of anything, such as a file cut short. */
export async function readCapture(path: string, filter?: string): Promise<CapturedFrame[]> {
  const { stdout } = await promisify(execFile)(
    requireExecutable('tshark'),
    [
      ...['-n', '-r', path],
      ...VERIFY.flatMap((name) => ['-o', `${name}:TRUE`]),
      ...(filter === undefined ? [] : ['-Y', filter]),
      ...['-T', 'fields', '-E', 'separator=/t', '-E', 'occurrence=f'],
      ...FIELDS.flatMap((name) => ['-e', name]),
    ],
    { maxBuffer: 256 << 20 },
  )
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [length, epoch, direction, comment, tcpLength, from, to, ...rest] = line.split('\t')
      return {
        length: Number(length),
        epoch: Number(epoch),
        direction: Number(direction) === 2 ? 'out' : 'in',
        comment: comment ?? '',
        tcpLength: Number(tcpLength),
        sourcePort: Number(from),
        destinationPort: Number(to),
        checksums: rest
          .slice(0, 4)
          .filter((text) => text !== '')
          .map(Number),
        droppedBefore: Number(rest[4] ?? 0),
      }
    })
}

/**
 * A pcapng file is whole when each block ends where it says, the last one at the end of the file.
 */
export function isWhole(path: string): boolean {
  const file = readFileSync(path)
  let at = 0
  while (at + 12 <= file.length) {
    const length = file.readUInt32BE(at + 4)
    if (length < 12 || at + length > file.length) return false
    if (file.readUInt32BE(at + length - 4) !== length) return false
    at += length
  }
  return at === file.length && at > 0
}
