/** Makes the congestion control that the configuration names. */
import type { RecordCopier } from '../../../storage/buffer.ts'
import type { TcpConfiguration } from '../configuration.ts'
import type { CongestionControl } from './congestion-control.ts'
import { Cubic } from './cubic.ts'
import { Reno } from './reno.ts'

export function congestionFactory(
  name: TcpConfiguration['congestionControl'],
  copier: RecordCopier,
): () => CongestionControl {
  const blank = name === 'reno' ? new Reno() : new Cubic()
  return () => copier.copyRecord(blank)
}
