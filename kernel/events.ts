/** Machine-readable events: one JSON object a line on the debug console, each with `event` and `ns` since entry. */
import type { ExitCode, Platform } from './hal/platform.ts'

export class Events {
  private readonly platform: Pick<Platform, 'writeEvent' | 'monotonicNs' | 'exit'>

  constructor(platform: Pick<Platform, 'writeEvent' | 'monotonicNs' | 'exit'>) {
    this.platform = platform
  }

  /** Writes one line in one call; `fields` follow `event` and `ns` in their own order. */
  emit(event: string, fields: Record<string, unknown>): void {
    const line = JSON.stringify({ event, ns: this.platform.monotonicNs(), ...fields })
    this.platform.writeEvent(`${line}\n`)
  }

  /** Announces the end of the run with the value given to isa-debug-exit, and ends it. */
  exit(code: ExitCode): never {
    this.emit('exit', { code })
    return this.platform.exit(code)
  }
}
