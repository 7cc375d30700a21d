/** One guest's cable: Ethernet frames in QEMU's length-prefixed stream (`-netdev socket,fd=`). */
import type { Duplex } from 'node:stream'

/**
 * QEMU's own limit (NET_BUFSIZE): a longer length is no frame, and the stream cannot be read on.
 */
const MAX_FRAME = 4096 + 65536
const PREFIX = 4

export class GuestPort {
  /** In the order in which guests were attached. */
  readonly index: number
  isOpen = true
  private readonly stream: Duplex
  private readonly onFrame: (frame: Buffer) => void
  private pending: Buffer = Buffer.alloc(0)

  constructor(
    index: number,
    stream: Duplex,
    hooks: { onFrame: (frame: Buffer) => void; onClose: () => void },
  ) {
    this.index = index
    this.stream = stream
    this.onFrame = hooks.onFrame
    const close = (): void => {
      if (!this.isOpen) return
      this.isOpen = false
      hooks.onClose()
    }
    // An error on this stream is the guest going away.
    stream.on('error', close)
    stream.on('end', close)
    stream.on('close', close)
    stream.on('data', (chunk: Buffer) => this.receive(chunk))
  }

  send(frame: Buffer): void {
    const prefix = Buffer.alloc(PREFIX)
    prefix.writeUInt32BE(frame.length)
    this.stream.write(Buffer.concat([prefix, frame]))
  }

  close(): void {
    this.stream.destroy()
  }

  private receive(chunk: Buffer): void {
    let bytes = this.pending.length === 0 ? chunk : Buffer.concat([this.pending, chunk])
    while (bytes.length >= PREFIX) {
      const length = bytes.readUInt32BE(0)
      if (length > MAX_FRAME) {
        this.stream.destroy(new Error(`Cannot read the LAN's stream: a frame of ${length} bytes`))
        return
      }
      if (bytes.length < PREFIX + length) break
      this.onFrame(Buffer.from(bytes.subarray(PREFIX, PREFIX + length)))
      bytes = bytes.subarray(PREFIX + length)
    }
    this.pending = bytes
  }
}
