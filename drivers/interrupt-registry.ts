/** How a driver gets an interrupt vector without knowing who runs the event loop. */

export interface InterruptRegistry {
  /** Vectors that nobody has registered. */
  readonly freeCount: number
  /**
   * Reserves a device vector and calls `handler` from the event loop, never from interrupt context,
   * after the vector fired. Handlers only note that there is work. Throws when no vector is left.
   */
  register(name: string, handler: () => void): number
  /** Gives a vector back that cannot fire any more. */
  unregister(vector: number): void
}
