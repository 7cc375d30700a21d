/**
 * The memory of all datagram queues together: taken with the first datagram, given back by queues
 * that are empty when it is short.
 */

/**
 * Bytes of all queues, so that a flood to many sockets takes no more. Half of it is for sockets
 * that keep an empty queue for the next burst.
 */
export const MAX_QUEUE_MEMORY_BYTES = 16_777_216

export class QueueMemory {
  /** Read only outside. */
  usedBytes = 0
  private readonly limitBytes: number

  constructor(limitBytes = MAX_QUEUE_MEMORY_BYTES) {
    this.limitBytes = limitBytes
  }

  /** False when there is not so much. */
  take(bytes: number): boolean {
    if (this.usedBytes + bytes > this.limitBytes) return false
    this.usedBytes += bytes
    return true
  }

  give(bytes: number): void {
    this.usedBytes -= bytes
  }

  /** Whoever needs no memory now should keep none. */
  isShort(): boolean {
    return this.usedBytes * 2 > this.limitBytes
  }
}
