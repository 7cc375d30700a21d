/** This process as the network: raw Ethernet frames over QEMU's length-prefixed stream (`-netdev socket,fd=`). */
import { writeFile } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { encodePcap } from './pcap/pcap-file.ts'

export interface LanFrame {
  readonly direction: 'from-guest' | 'to-guest'
  readonly timeMs: number
  readonly bytes: Buffer
}

/** Decides the fate of a frame: itself, several, none, or changed. Called in order, so a seeded generator replays. */
export type Impairment = (frame: Buffer, direction: LanFrame['direction']) => readonly Buffer[]

export class Lan {
  /** Every frame as it crossed, in order, after impairment. */
  readonly frames: LanFrame[] = []
  impairment: Impairment | undefined
  private readonly listeners = new Set<(frame: Buffer) => void>()
  private stream: Duplex | undefined
  private pending: Buffer = Buffer.alloc(0)

  /** Connects the LAN to a guest; `launch` does it. */
  attach(stream: Duplex): void {
    if (this.stream !== undefined) throw new Error('Cannot attach the LAN: it has a guest already')
    this.stream = stream
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => this.receive(chunk))
  }

  /** Calls `listener` for each frame of the guest; returns what ends that. */
  onFrame(listener: (frame: Buffer) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  send(frame: Buffer): void {
    const stream = this.stream
    if (stream === undefined) throw new Error('Cannot send a frame: the LAN has no guest')
    for (const bytes of this.impairment?.(frame, 'to-guest') ?? [frame]) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(bytes.length)
      this.frames.push({ direction: 'to-guest', timeMs: performance.now(), bytes })
      stream.write(Buffer.concat([length, bytes]))
    }
  }

  async writePcap(path: string): Promise<void> {
    await writeFile(path, encodePcap(this.frames))
  }

  private receive(chunk: Buffer): void {
    this.pending = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk])
    while (this.pending.length >= 4) {
      const length = this.pending.readUInt32BE(0)
      if (this.pending.length < 4 + length) return
      const frame = Buffer.from(this.pending.subarray(4, 4 + length))
      this.pending = this.pending.subarray(4 + length)
      for (const bytes of this.impairment?.(frame, 'from-guest') ?? [frame]) {
        this.frames.push({ direction: 'from-guest', timeMs: performance.now(), bytes })
        for (const listener of [...this.listeners]) listener(bytes)
      }
    }
  }
}
