/** Bulk HTTP/1.1 transfers with as little work per byte as Node allows, timed from the socket. */
import { createHash } from 'node:crypto'
import { connect, type Socket } from 'node:net'
import { crc32 } from 'node:zlib'
import { PATTERN_PERIOD, patternBlock, patternCrc32 } from './pattern.ts'
import type { DownloadResult, PeerRequests, Target, UploadResult } from './requests.ts'

const READ_BUFFER = 1 << 20
const HEAD_LIMIT = 16 * 1024
const HEAD_END = '\r\n\r\n'

/**
 * Reads one response: the head as text, then the body through `onBody`, until its length is
 * reached.
 */
class ResponseReader {
  status = 0
  bodyLength = -1
  bodyReceived = 0
  private head = ''
  private readonly onBody: (chunk: Buffer) => void

  constructor(onBody: (chunk: Buffer) => void) {
    this.onBody = onBody
  }

  /** True once the whole body is there. Throws on what is no HTTP response with a length. */
  push(chunk: Buffer): boolean {
    let body = chunk
    if (this.bodyLength < 0) {
      this.head += chunk.toString('latin1')
      const end = this.head.indexOf(HEAD_END)
      if (end < 0) {
        if (this.head.length > HEAD_LIMIT) throw new Error('Cannot read the response: endless head')
        return false
      }
      const bodyStart = end + HEAD_END.length - (this.head.length - chunk.length)
      this.parseHead(this.head.slice(0, end))
      body = chunk.subarray(bodyStart)
    }
    if (body.length > 0) {
      this.bodyReceived += body.length
      this.onBody(body)
    }
    if (this.bodyReceived > this.bodyLength) {
      throw new Error(`Cannot read the response: ${this.bodyReceived} of ${this.bodyLength} bytes`)
    }
    return this.bodyReceived === this.bodyLength
  }

  private parseHead(head: string): void {
    const status = head.match(/^HTTP\/1\.[01] (\d{3})/)
    const length = head.match(/\r\ncontent-length: *(\d+)/i)
    if (status === null || length === null) {
      throw new Error(`Cannot read the response: ${JSON.stringify(head.slice(0, 200))}`)
    }
    this.status = Number(status[1])
    this.bodyLength = Number(length[1])
  }
}

export function download(request: PeerRequests['download']['takes']): Promise<DownloadResult> {
  const hash = request.digest === 'sha256' ? createHash('sha256') : undefined
  let crc = 0
  let firstBodyAt = 0
  const cpu = process.cpuUsage()
  const reader = new ResponseReader((chunk) => {
    if (firstBodyAt === 0) firstBodyAt = performance.now()
    if (hash !== undefined) hash.update(chunk)
    else if (request.digest === 'crc32') crc = crc32(chunk, crc)
  })
  return converse(request, request.timeoutMs, reader, (socket) => {
    socket.write(
      `GET ${request.path} HTTP/1.1\r\nHost: ${hostField(request)}\r\nConnection: close\r\n\r\n`,
    )
  }).then(({ connectMs, startedAt, endedAt }) => ({
    status: reader.status,
    bytes: reader.bodyReceived,
    digest: hash?.digest('hex') ?? (request.digest === 'crc32' ? hex32(crc) : ''),
    connectMs,
    peerCpuMs: cpuMsSince(cpu),
    elapsedMs: endedAt - startedAt,
    bodyMs: firstBodyAt === 0 ? 0 : endedAt - firstBodyAt,
  }))
}

export async function upload(request: PeerRequests['upload']['takes']): Promise<UploadResult> {
  const block = patternBlock()
  const cpu = process.cpuUsage()
  let body = ''
  const reader = new ResponseReader((chunk) => {
    body += chunk.toString('utf8')
  })
  const { connectMs, startedAt, endedAt } = await converse(
    request,
    request.timeoutMs,
    reader,
    (socket) => {
      socket.write(
        `PUT ${request.path} HTTP/1.1\r\nHost: ${hostField(request)}\r\nConnection: close\r\nContent-Length: ${request.bytes}\r\n\r\n`,
      )
      writePattern(socket, block, request.bytes, () => undefined)
    },
  )
  const peerCpuMs = cpuMsSince(cpu)
  return {
    status: reader.status,
    body,
    peerCpuMs,
    bytes: request.bytes,
    crc32: patternCrc32(request.bytes),
    connectMs,
    elapsedMs: endedAt - startedAt,
  }
}

/** Writes `length` octets of the pattern, never more than one block ahead of the socket. */
export function writePattern(
  socket: Socket,
  block: Buffer,
  length: number,
  done: () => void,
): void {
  let sent = 0
  const next = (error?: Error | null): void => {
    if (error) return
    if (sent >= length) {
      done()
      return
    }
    const chunk = block.subarray(0, Math.min(PATTERN_PERIOD, length - sent))
    sent += chunk.length
    socket.write(chunk, next)
  }
  next()
}

interface Conversation {
  readonly connectMs: number
  readonly startedAt: number
  readonly endedAt: number
}

function converse(
  target: Target,
  timeoutMs: number,
  reader: ResponseReader,
  send: (socket: Socket) => void,
): Promise<Conversation> {
  return new Promise((resolve, reject) => {
    const dialedAt = performance.now()
    let startedAt = 0
    const finish = (error?: Error): void => {
      clearTimeout(timer)
      socket.destroy()
      if (error !== undefined) reject(error)
      else resolve({ connectMs: startedAt - dialedAt, startedAt, endedAt: performance.now() })
    }
    const take = (chunk: Buffer): void => {
      try {
        if (reader.push(chunk)) finish()
      } catch (error) {
        finish(error as Error)
      }
    }
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER)
    const socket = connect({
      host: target.host,
      port: target.port,
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          take(buffer.subarray(0, length))
          return true
        },
      },
    })
    const timer = setTimeout(
      () =>
        finish(
          new Error(
            `Cannot finish the transfer: ${reader.bodyReceived} of ${reader.bodyLength} bytes after ${timeoutMs} ms`,
          ),
        ),
      timeoutMs,
    )
    socket.once('connect', () => {
      startedAt = performance.now()
      send(socket)
    })
    socket.once('error', finish)
    socket.once('end', () => {
      finish(
        new Error(
          `Cannot finish the transfer: closed after ${reader.bodyReceived} of ${reader.bodyLength} bytes`,
        ),
      )
    })
  })
}

function hostField(target: Target): string {
  const host = target.host.includes(':') ? `[${target.host}]` : target.host
  return target.port === 80 ? host : `${host}:${target.port}`
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/** Processor time of this process since `before`, user and system. */
export function cpuMsSince(before: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}
