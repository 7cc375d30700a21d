/**
 * Says what servers and routers do to the guest's addresses: a line in the log, and the event
 * `addresses` once it is ready.
 */
import type { ConfigurationEvent } from '../net/api/configuration-event.ts'
import type { Events } from './events.ts'
import type { Logger } from './logger.ts'

export class ConfigurationLog {
  /** Before, the event `ready` will say it. */
  isReady = false
  private readonly log: Logger
  private readonly events: Pick<Events, 'emit'>
  private readonly addresses: () => readonly string[]

  constructor(log: Logger, events: Pick<Events, 'emit'>, addresses: () => readonly string[]) {
    this.log = log
    this.events = events
    this.addresses = addresses
  }

  tell(event: ConfigurationEvent): void {
    const { log } = this
    const { address } = event
    switch (event.kind) {
      case 'added':
        // A lease has a line of its own, with more in it.
        if (event.origin === 'slaac') log.info(`${address} by a router's prefix`)
        break
      case 'removed':
        log.warn(`${address} is gone: connections on it are over`)
        break
      case 'deprecated':
        log.info(`${address} is deprecated: for connections that it has, not for new ones`)
        break
      case 'duplicate':
        log.warn(`${address} is somebody else's on this link: not used`)
        break
      default:
        this.tellLease(event)
        return
    }
    if (this.isReady) this.events.emit('addresses', { addresses: this.addresses() })
  }

  private tellLease(event: Extract<ConfigurationEvent, { server: string }>): void {
    const { log } = this
    const { address, server, leaseSeconds, gateways } = event
    switch (event.kind) {
      case 'bound': {
        const time = leaseSeconds === Number.POSITIVE_INFINITY ? 'ever' : `${leaseSeconds} s`
        const gateway = gateways.length === 0 ? 'no gateway' : `gateway ${gateways.join(', ')}`
        log.info(`${address} by DHCP from ${server} for ${time}, ${gateway}`)
        break
      }
      case 'renewed':
        log.debug(`${server} renews ${address} for ${leaseSeconds} s`)
        break
      case 'rebinding':
        log.warn(`${server} does not renew ${address}: every DHCP server is asked`)
        break
      case 'expired':
        log.warn(`the lease of ${address} is over and nobody has renewed it`)
        break
      case 'refused':
        log.warn(`DHCP server ${server} refuses ${address}: begins anew`)
        break
      case 'declined':
        log.warn(`${address} of DHCP server ${server} is somebody else's: declined, asks in 10 s`)
        break
    }
  }
}
