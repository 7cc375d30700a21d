/**
 * How fast bytes arrive over a link of a given round trip, loss and queue: the figure that loss
 * recovery is judged by.
 */
import type { TcpConfiguration } from '../../net/socket/tcp/configuration.ts'
import { TcpState } from '../../net/socket/tcp/state.ts'
import type { LinkOptions } from '../fakes/simulated-link.ts'
import { randomBytes, transfer } from './transfer.ts'
import { RIGHT_V4, TwoStacks } from './two-stacks.ts'

export interface Goodput {
  /**
   * Mbit/s from when the connection stood to the last byte that arrived: a lost SYN costs a second,
   * which is nothing that recovery could change.
   */
  mbps: number
  timeouts: number
  retransmissions: number
  lost: number
  /** By the full queue of a router. */
  dropped: number
  undone: number
  /** Repetitions that were not needed, by their receiver's word. */
  duplicateSacks: number
}

/**
 * Moves `bytes` from left to right; throws when they are not exact or something is left over. The
 * stacks' clock counts by `grainMs`; 0 = it is exact.
 */
export function measureGoodput(
  bytes: number,
  link: LinkOptions,
  tcp: Partial<TcpConfiguration> = {},
  grainMs = 0,
): Goodput {
  const stacks = new TwoStacks(link, tcp)
  stacks.grainMs = grainMs
  const sent = randomBytes(bytes, 7)
  let startMs = -1
  let arrivedMs = 0
  const { clock, left } = stacks
  stacks.onPolled = () => {
    if (startMs >= 0) return
    for (const { state } of left.tcp.sockets()) {
      if (state === TcpState.Established) startMs = clock.nowMs
    }
  }
  const { client, server } = transfer(stacks, RIGHT_V4, sent, new Uint8Array(0), 1_000_000, () => {
    arrivedMs = clock.nowMs
  })
  if (client.error !== null || server.error !== null) throw new Error('the connection failed')
  if (Buffer.compare(server.received, sent) !== 0) throw new Error('other bytes arrived')
  const statistics = left.tcp.readStatistics()
  return {
    mbps: (bytes * 8) / 1000 / (arrivedMs - startMs),
    timeouts: statistics.retransmitTimeouts,
    retransmissions: statistics.retransmissions,
    lost: stacks.link.framesLost,
    dropped: stacks.link.framesDropped,
    undone: statistics.undoneReductions,
    duplicateSacks: statistics.duplicateSacks,
  }
}
