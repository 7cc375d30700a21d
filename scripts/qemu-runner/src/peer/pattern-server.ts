/**
 * What a guest's HTTP service does, by a peer: a Linux host in the guest's place is asked the same
 * things.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { crc32 } from 'node:zlib'
import { PATTERN_PERIOD, patternBlock } from './pattern.ts'
import type { Target } from './requests.ts'

const BYTES_PATH = /^\/bytes\/(\d{1,15})$/

/** Resolves when it listens. */
export function servePattern({ host, port }: Target): Promise<Record<string, never>> {
  const block = patternBlock()
  const server = createServer((request, response) => {
    const bytes = BYTES_PATH.exec(request.url ?? '')
    if (request.method === 'PUT' && request.url === '/sink') takeAll(request, response)
    else if (request.method === 'GET' && bytes !== null)
      giveBytes(response, block, Number(bytes[1]))
    else response.writeHead(404).end()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve({}))
  })
}

function giveBytes(response: ServerResponse, block: Buffer, length: number): void {
  response.writeHead(200, { 'Content-Length': length, Connection: 'close' })
  let sent = 0
  const next = (): void => {
    while (sent < length) {
      const chunk = block.subarray(0, Math.min(PATTERN_PERIOD, length - sent))
      sent += chunk.length
      if (!response.write(chunk)) {
        response.once('drain', next)
        return
      }
    }
    response.end()
  }
  next()
}

function takeAll(request: IncomingMessage, response: ServerResponse): void {
  let bytes = 0
  let crc = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    crc = crc32(chunk, crc)
  })
  request.on('end', () => {
    const body = JSON.stringify({ bytes, crc32: crc.toString(16).padStart(8, '0') })
    response.writeHead(200, { 'Content-Length': Buffer.byteLength(body), Connection: 'close' })
    response.end(body)
  })
}
