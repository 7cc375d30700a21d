/**
 * Lets others have their turn amid the requests of one connection: thousands of pipelined ones may
 * have come in one frame, and answers to them are all that the guest would do.
 */

/** Answered in one go. */
export const REQUESTS_A_TURN = 16

/** A connection that does nothing while it pauses. */
export interface Pausing {
  isPausing: boolean
  readonly isOver: boolean
  advance(): void
}

interface Clock {
  after(delayMs: number, callback: () => void): unknown
}

/** It goes on by itself once the network and what is due have had their turn. */
export function pause(connection: Pausing, clock: Clock): void {
  connection.isPausing = true
  clock.after(0, () => {
    connection.isPausing = false
    // The socket of one that is over may be another's by now.
    if (!connection.isOver) connection.advance()
  })
}
