/**
 * The console port that a capture of the stack's packets goes to, and how much and how long it
 * waits.
 */

/** The name of the port that switches the capture on by being there. */
export const CAPTURE_PORT = 'eremite.pcapng'
/** Holds the super-frames of a whole turn of the event loop, while the host reads or not. */
export const CAPTURE_BYTES = 2 * 1048576
/** How long the end of a run waits for the host to take the last frames. */
export const CAPTURE_DRAIN_NS = 200_000_000
