/** Who waits for datagrams of an endpoint, in their order: promises and iterations. */
import type { NetError } from './net-error.ts'

interface Waiter<T> {
  readonly resolve: (datagram: T | null) => void
  readonly reject: (error: NetError) => void
}

export class DatagramReaders<T> {
  private readonly waiting: Waiter<T>[] = []
  private readonly take: () => T | null
  private readonly close: () => void
  private isEnded = false
  /** What the next one is told. */
  private failure: NetError | null = null

  /**
   * `take` gives the oldest datagram or null; `close` ends the endpoint, when an iteration is left.
   */
  constructor(take: () => T | null, close: () => void) {
    this.take = take
    this.close = close
  }

  /** The next datagram; null once ended. */
  next(): Promise<T | null> {
    const datagram = this.take()
    if (datagram !== null || this.isEnded) return Promise.resolve(datagram)
    const failure = this.takeFailure()
    if (failure !== null) return Promise.reject(failure)
    return new Promise((resolve, reject) => this.waiting.push({ resolve, reject }))
  }

  /** Datagrams have come. */
  serve(): void {
    while (this.waiting.length > 0) {
      const datagram = this.take()
      if (datagram === null) return
      this.waiting.shift()!.resolve(datagram)
    }
  }

  /** Rejects whoever waits first, or the next call. */
  fail(error: NetError): void {
    const waiter = this.waiting.shift()
    if (waiter === undefined) this.failure = error
    else waiter.reject(error)
  }

  takeFailure(): NetError | null {
    const { failure } = this
    this.failure = null
    return failure
  }

  end(): void {
    this.isEnded = true
    for (const { resolve } of this.waiting.splice(0)) resolve(null)
  }

  iterate(): AsyncIterator<T> {
    return {
      next: async () => {
        const value = await this.next()
        return value === null ? { done: true, value: undefined } : { done: false, value }
      },
      return: async () => {
        this.close()
        return { done: true, value: undefined }
      },
    }
  }
}
