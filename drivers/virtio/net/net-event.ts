/**
 * What happens to a network device while the guest runs, and the line that says so with the next
 * step.
 */

export type NetEvent =
  | { readonly kind: 'link'; readonly up: boolean }
  /** The interrupts that were armed do not come. */
  | { readonly kind: 'polling' }
  | { readonly kind: 'reset'; readonly reason: string }
  /** A command found no answer in time. */
  | { readonly kind: 'unanswered' }
  /** Not used until the next attempt. */
  | { readonly kind: 'stopped'; readonly reason: string; readonly retryInNs: number }
  /** In use again after `stopped` or `removed`. */
  | { readonly kind: 'resumed' }
  | { readonly kind: 'removed' }
  /** What was put in its place cannot stand in for it. */
  | { readonly kind: 'refused'; readonly reason: string }

export function describeNetEvent(event: NetEvent): string {
  switch (event.kind) {
    case 'link':
      return `link is ${event.up ? 'up' : 'down'}`
    case 'polling':
      return 'interrupts do not arrive, polling instead'
    case 'unanswered':
      return 'the device does not answer commands: what it filters and coalesces stays as it is, frames go on'
    case 'reset':
      return `resetting the device (${event.reason})`
    case 'stopped':
      return (
        `network device stopped (${event.reason}); the next attempt is in ${Math.ceil(event.retryInNs / 1e9)} s, ` +
        'connections wait; if it stays so, replace the device (device_del, device_add) or restart the guest'
      )
    case 'resumed':
      return 'network device in use again, connections go on'
    case 'removed':
      return (
        'network device removed, connections wait; ' +
        'to go on, add one with the same mac= in the same place (device_add)'
      )
    case 'refused':
      return (
        `the network device added does not replace the one removed: ${event.reason}; ` +
        'add one with the same properties, or restart the guest'
      )
  }
}

/** True for what a person need not act on. */
export function isGoodNews(event: NetEvent): boolean {
  return event.kind === 'resumed' || (event.kind === 'link' && event.up)
}
