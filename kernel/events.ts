/**
 * Machine-readable events: one JSON object a line on the debug console, each with `event` and `ns`
 * since entry.
 */
import type { Platform } from './hal/platform.ts'

/** The last event of a run, `exit`, is written by boot/ itself, so that no way out can miss it. */
export class Events {
  private readonly platform: Pick<Platform, 'writeEvent' | 'monotonicNs'>

  constructor(platform: Pick<Platform, 'writeEvent' | 'monotonicNs'>) {
    this.platform = platform
  }

  /** Writes one line in one call; `fields` follow `event` and `ns` in their own order. */
  emit(event: string, fields: Record<string, unknown>): void {
    const line = JSON.stringify({ event, ns: this.platform.monotonicNs(), ...fields })
    this.platform.writeEvent(`${line}\n`)
  }
}
