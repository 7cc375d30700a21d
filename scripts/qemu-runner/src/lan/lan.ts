/**
 * This process as the network: an Ethernet segment of one guest or several, with seeded impairments
 * and a record of all.
 */
import { writeFile } from 'node:fs/promises'
import type { Duplex } from 'node:stream'
import { encodePcap } from '../pcap/pcap-file.ts'
import { encodePcapng, type PcapngFrame, type PcapngInterface } from '../pcap/pcapng-file.ts'
import { GuestPort } from './guest-port.ts'
import { Impairment } from './impairment.ts'
import type { ImpairmentOptions, LanDirection } from './impairment-options.ts'

export interface LanFrame {
  readonly direction: LanDirection
  /** Which guest, in the order of attachment. */
  readonly port: number
  /** Milliseconds since 1970. */
  readonly timeMs: number
  readonly bytes: Buffer
  /** What impairments have done to it, in words. */
  readonly notes: readonly string[]
}

export interface LanOptions {
  /** How many frames are kept for the record, the latest ones. Default 100,000. */
  maxFrames?: number
}

const DEFAULT_MAX_FRAMES = 100_000
const MAC_LENGTH = 6

export class Lan {
  /**
   * Every frame as it crossed a guest's cable, in order, after impairment: what was lost is not
   * among them.
   */
  readonly frames: LanFrame[] = []
  /** Frames that nobody was there to take: their guest had gone. */
  undeliverable = 0
  /** A closed LAN takes no guest. */
  isClosed = false
  private readonly maxFrames: number
  private readonly ports: GuestPort[] = []
  private readonly listeners = new Set<(frame: Buffer, port: number) => void>()
  /** Which guest has a MAC address, learned from what it sends. */
  private readonly learned = new Map<string, GuestPort>()
  private impairments: readonly Impairment[] = []

  constructor(options: LanOptions = {}) {
    this.maxFrames = options.maxFrames ?? DEFAULT_MAX_FRAMES
  }

  /** Connects a guest; `launch` does it. Several guests are on one learning switch. */
  attach(stream: Duplex): void {
    if (this.isClosed) throw new Error('Cannot attach a guest: the LAN was closed; make another')
    const port = new GuestPort(this.ports.length, stream, {
      onFrame: (frame) => {
        this.travel(frame, 'from-guest', port, () => this.hear(frame, port))
      },
      onClose: () => {
        for (const [mac, owner] of this.learned) if (owner === port) this.learned.delete(mac)
      },
    })
    this.ports.push(port)
  }

  /** Guests that are connected. */
  get guestCount(): number {
    return this.ports.filter(({ isOpen }) => isOpen).length
  }

  /** Calls `listener` for each frame of a guest, whoever it is for; returns what ends that. */
  onFrame(listener: (frame: Buffer, port: number) => void): () => void {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Sends a frame of this process to the guest that has its destination, or to all of them. */
  send(frame: Buffer): void {
    if (this.ports.length === 0) throw new Error('Cannot send a frame: the LAN has no guest')
    this.forward(frame, undefined)
  }

  /**
   * Impairs frames from now on, until `stop()` of what it returns. Several impairments apply one
   * after the other, the first one first. Throws TypeError for options that make no sense.
   */
  impair(options: ImpairmentOptions): Impairment {
    const impairment = new Impairment(options, (stopped) => {
      this.impairments = this.impairments.filter((other) => other !== stopped)
    })
    this.impairments = [...this.impairments, impairment]
    return impairment
  }

  /** Sends on at once what impairments hold back. */
  flush(): void {
    for (const impairment of this.impairments) impairment.flush()
  }

  /** Ends impairments and disconnects the guests; no timer is left. */
  close(): void {
    this.isClosed = true
    for (const port of this.ports) port.isOpen = false
    for (const impairment of this.impairments) impairment.stop()
    for (const port of this.ports) port.close()
    this.listeners.clear()
  }

  /** The recorded frames; `writePcapng` keeps what was done to them too. */
  async writePcap(path: string): Promise<void> {
    await writeFile(path, encodePcap(this.frames))
  }

  /**
   * The recorded frames, one interface a guest, with directions, and with what impairments did as
   * packet comments.
   */
  async writePcapng(path: string): Promise<void> {
    const { interfaces, frames } = this.record()
    await writeFile(path, encodePcapng(interfaces, frames))
  }

  /** What `writePcapng` writes, for a file with more in it. */
  record(): { interfaces: PcapngInterface[]; frames: PcapngFrame[] } {
    return {
      interfaces: this.ports.map(({ index }) => ({ name: `guest ${index}` })),
      frames: this.frames.map(({ bytes, timeMs, port, direction, notes }) => ({
        bytes,
        timeMs,
        interfaceIndex: port,
        direction: direction === 'from-guest' ? ('inbound' as const) : ('outbound' as const),
        ...(notes.length === 0 ? {} : { comment: notes.join(', ') }),
      })),
    }
  }

  private hear(frame: Buffer, from: GuestPort): void {
    if (frame.length >= 2 * MAC_LENGTH) {
      const source = frame.toString('hex', MAC_LENGTH, 2 * MAC_LENGTH)
      if (!isGroup(frame, MAC_LENGTH)) this.learned.set(source, from)
    }
    for (const listener of [...this.listeners]) listener(frame, from.index)
    this.forward(frame, from)
  }

  /**
   * As an 802.1D bridge: to where the destination was heard last, or everywhere but where the frame
   * came from.
   */
  private forward(frame: Buffer, from: GuestPort | undefined): void {
    const known = isGroup(frame, 0)
      ? undefined
      : this.learned.get(frame.toString('hex', 0, MAC_LENGTH))
    let taken = 0
    for (const port of this.ports) {
      if (!port.isOpen || port === from || (known !== undefined && port !== known)) continue
      taken++
      this.travel(frame, 'to-guest', port, (bytes) => port.send(bytes))
    }
    if (taken === 0 && from === undefined) this.undeliverable++
  }

  /** Through the impairments, into the record, to `arrive`. */
  private travel(
    frame: Buffer,
    direction: LanDirection,
    port: GuestPort,
    arrive: (frame: Buffer) => void,
  ): void {
    const through = (
      stages: readonly Impairment[],
      bytes: Buffer,
      notes: readonly string[],
    ): void => {
      const [stage, ...rest] = stages
      if (stage !== undefined) {
        const place = { direction, port: port.index }
        stage.pass(bytes, place, notes, (next, told) => through(rest, next, told))
        return
      }
      if (!port.isOpen) {
        this.undeliverable++
        return
      }
      this.keep({ direction, port: port.index, timeMs: epochMs(), bytes, notes })
      arrive(bytes)
    }
    through(this.impairments, frame, [])
  }

  private keep(frame: LanFrame): void {
    this.frames.push(frame)
    // In blocks, because taking one off the front moves all the others.
    if (this.frames.length >= this.maxFrames * 1.1) {
      this.frames.splice(0, this.frames.length - this.maxFrames)
    }
  }
}

/** The group bit of an address: broadcast or multicast. */
function isGroup(frame: Buffer, at: number): boolean {
  return ((frame[at] ?? 0) & 1) === 1
}

function epochMs(): number {
  return performance.timeOrigin + performance.now()
}
