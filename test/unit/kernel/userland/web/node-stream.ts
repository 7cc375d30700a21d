/** A stream of the guest's kind, as `connect` gives them, over a socket of Node. */
import type { Socket } from 'node:net'
import type { ClientStream } from '../../../../../kernel/userland/web/client-exchange.ts'

export class NodeStream implements ClientStream {
  private readonly socket: Socket
  private readonly pieces: AsyncIterator<Buffer>
  private rest: Uint8Array = new Uint8Array(0)

  constructor(socket: Socket) {
    this.socket = socket
    this.pieces = socket.iterator({ destroyOnReturn: false })
    socket.on('error', () => undefined)
  }

  async read(target: Uint8Array): Promise<number | null> {
    if (this.rest.length === 0) {
      const { done, value } = await this.pieces.next()
      if (done === true) return null
      this.rest = value
    }
    const count = Math.min(this.rest.length, target.length)
    target.set(this.rest.subarray(0, count))
    this.rest = this.rest.subarray(count)
    return count
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  close(): void {
    this.socket.end()
  }

  abort(): void {
    this.socket.destroy(new Error('aborted'))
  }
}
