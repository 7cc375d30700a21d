/** Makes the congestion control that the configuration names. */
import type { TcpConfiguration } from '../configuration.ts'
import type { CongestionControl } from './congestion-control.ts'
import { Cubic } from './cubic.ts'
import { Reno } from './reno.ts'

export function congestionFactory(
  name: TcpConfiguration['congestionControl'],
): () => CongestionControl {
  return name === 'reno' ? () => new Reno() : () => new Cubic()
}
