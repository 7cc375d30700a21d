/**
 * An NTP server of a test on the host's side of the network: right, off by a while, or a liar, as
 * its behavior says.
 */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import type { NetworkNamespace } from 'qemu-runner'

export interface NtpBehavior {
  readonly address: string
  /** How far its date is from the host's. */
  readonly offsetMs?: number
  /** Sends, before the right answer, one of each kind that a client must not believe. */
  readonly lies?: boolean
  /** Answers with nothing but this kiss code. */
  readonly kiss?: string
}

/** What is sent as a lie has a date a year ahead. */
const PROGRAM = `
  const behavior = JSON.parse(process.argv[1])
  const socket = require('node:dgram').createSocket('udp4')
  const write = (bytes, offset, ms) => {
    bytes.writeUInt32BE((Math.floor(ms / 1000) + 2208988800) % 2 ** 32, offset)
    bytes.writeUInt32BE(Math.floor((ms % 1000) / 1000 * 2 ** 32), offset + 4)
  }
  const now = () => performance.timeOrigin + performance.now() + (behavior.offsetMs ?? 0)
  const answer = (request, receivedMs, offsetMs = 0) => {
    const bytes = Buffer.alloc(48)
    bytes[0] = 0x24
    bytes[1] = 2
    bytes.writeUInt32BE(0x10, 8)
    request.copy(bytes, 24, 40, 48)
    write(bytes, 32, receivedMs + offsetMs)
    write(bytes, 40, now() + offsetMs)
    return bytes
  }
  socket.on('message', (request, from) => {
    const receivedMs = now()
    if (request.length !== 48 || request[0] !== 0x23) throw new Error('not the request of a client of version 4')
    if (request.subarray(1, 40).some((byte) => byte !== 0)) throw new Error('the request says more than it must')
    const send = (bytes) => socket.send(bytes, from.port, from.address)
    console.log('asked')
    if (behavior.kiss !== undefined) {
      const bytes = answer(request, receivedMs)
      bytes[1] = 0
      bytes.write(behavior.kiss, 12)
      return send(bytes)
    }
    if (behavior.lies !== true) return send(answer(request, receivedMs))
    const lie = (change) => {
      const bytes = answer(request, receivedMs, 365 * 86400e3)
      return change(bytes) ?? bytes
    }
    const lies = [
      lie((b) => { b[24] ^= 1 }),
      lie((b) => { b.fill(0, 24, 32) }),
      lie((b) => b.subarray(0, 47)),
      Buffer.alloc(0),
      Buffer.alloc(1000, 0xff),
    ]
    lies.forEach((bytes, index) => setTimeout(() => send(bytes), 20 * index))
    const stranger = require('node:dgram').createSocket('udp4')
    stranger.send(lie(() => {}), from.port, from.address, () => stranger.close())
    setTimeout(() => send(answer(request, receivedMs)), 20 * lies.length + 50)
  })
  socket.bind(123, behavior.address, () => console.log('listening'))`

export class NtpServer {
  /** How often it was asked. */
  asked = 0
  private readonly child: ChildProcess

  private constructor(child: ChildProcess) {
    this.child = child
  }

  static async start(namespace: NetworkNamespace, behavior: NtpBehavior): Promise<NtpServer> {
    const child = namespace.spawn([process.execPath, '-e', PROGRAM, JSON.stringify(behavior)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(child.stdout!, 'data')
    const server = new NtpServer(child)
    child.stdout!.on('data', (chunk: Buffer) => {
      server.asked += chunk.toString().split('asked').length - 1
    })
    return server
  }

  close(): void {
    this.child.kill('SIGKILL')
  }
}
