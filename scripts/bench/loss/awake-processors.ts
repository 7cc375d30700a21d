/** Keeps the machine's processors from halting while paths are measured. */
import { closeSync, openSync, writeSync } from 'node:fs'

/**
 * Linux's PM QoS: most microseconds that a processor may take to wake, an integer of 32 bits, for
 * as long as the file is open.
 */
const WAKE_LATENCY_FILE = '/dev/cpu_dma_latency'

/**
 * What halts in a virtual machine waits for the machine's host to be woken, which a round trip of a
 * millisecond shows: the way through QEMU has more hand-overs than Linux's own. Returns what lets
 * them halt again; undefined: this user may not ask for it.
 */
export function keepProcessorsAwake(path = WAKE_LATENCY_FILE): (() => void) | undefined {
  let file: number
  try {
    file = openSync(path, 'r+')
  } catch {
    return undefined
  }
  writeSync(file, new Uint8Array(new Int32Array(1).buffer))
  return () => closeSync(file)
}
