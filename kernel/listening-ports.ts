/**
 * The ports that apps listen on: those of `ready`, and later ones, which are told by an event of
 * their own.
 */
import type { ListeningPort } from './ready-report.ts'

export class ListeningPorts {
  readonly entries: ListeningPort[] = []
  /** Called for each port from when it is set. */
  onLate: ((entry: ListeningPort) => void) | null = null

  add(port: number, protocol: ListeningPort['protocol']): void {
    const entry = { port, protocol }
    this.entries.push(entry)
    this.onLate?.(entry)
  }
}
