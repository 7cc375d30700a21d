/** Asks a host for an echo, with a promise of the time it took. */
import type { IcmpReport, TransportError } from '../iface/protocol-handler.ts'
import type { OnDemandProtocols } from '../socket/on-demand-protocols.ts'
import type { IpAddress } from '../wire/ip-address.ts'
import { type Endpoint, formatZoned } from './address-text.ts'
import { DeliveryError } from './delivery-error.ts'
import { NetError } from './net-error.ts'

/** As `ping` of other systems has it: a time stamp's 8 bytes and 48 more. */
const DEFAULT_LENGTH_BYTES = 56
const DEFAULT_TIMEOUT_MS = 4_000
const DEFAULT_HOP_LIMIT = 64
const MAX_TIMEOUT_MS = 3_600_000

export interface PingOptions {
  /** How long to wait; 4,000 when absent. */
  readonly timeoutMs?: number
  /** The number of the interface to ask by; that of the best route when absent. */
  readonly interface?: number
  /** Of data, to which ICMP adds 8 bytes; 56 when absent. */
  readonly lengthBytes?: number
  /**
   * 1 to 255; 64 when absent. The router that uses it up answers instead: see
   * DeliveryError.reporter.
   */
  readonly hopLimit?: number
}

export interface PingReply {
  /** Who answered; another than was asked only of a group. */
  readonly hostname: string
  readonly roundTripMs: number
  /** What was left of that of the reply. */
  readonly hopLimit: number
  readonly lengthBytes: number
}

/**
 * `hostname` is what errors call the host; with `hasZones`, as where there are several interfaces,
 * link-local addresses have theirs. Rejects with NetError 'timeout', 'unreachable' without a
 * route or neighbor, 'exhausted'; with DeliveryError, which names who says so, 'time-exceeded',
 * 'unreachable', 'refused', 'message-too-large'.
 */
export function ping(
  protocols: OnDemandProtocols,
  hostname: string,
  endpoint: Endpoint,
  options: PingOptions,
  nowMs: number,
  hasZones: boolean,
): Promise<PingReply> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, lengthBytes = DEFAULT_LENGTH_BYTES } = options
  const { hopLimit = DEFAULT_HOP_LIMIT } = options
  const { address, interfaceIndex } = endpoint
  const way = interfaceIndex === undefined ? {} : { interfaceIndex }
  checkRange('timeoutMs', timeoutMs, 1, MAX_TIMEOUT_MS)
  checkRange('lengthBytes', lengthBytes, 0, 65_507)
  checkRange('hopLimit', hopLimit, 1, 255)
  return new Promise((resolve, reject) => {
    const listener = {
      onReply: (source: IpAddress, arrivalIndex: number, roundTripMs: number, leftHops: number) =>
        resolve({
          hostname: formatZoned(source, hasZones ? arrivalIndex : null),
          roundTripMs: Math.round(roundTripMs * 1000) / 1000,
          hopLimit: leftHops,
          lengthBytes,
        }),
      onError: (error: TransportError, report: IcmpReport) =>
        reject(new DeliveryError(error, report, 0, hasZones)),
      onTimeout: (isUnreachable: boolean) =>
        reject(
          isUnreachable
            ? new NetError('unreachable', `${hostname} does not answer on the link`)
            : new NetError('timeout', `${hostname} has not answered within ${timeoutMs} ms`),
        ),
    }
    protocols.ping({ address, ...way, lengthBytes, hopLimit, timeoutMs, listener }, nowMs)
  })
}

function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return
  throw new RangeError(`${name} must be ${least} to ${most}, not ${value}`)
}
