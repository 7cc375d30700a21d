/** The servers to ask, in which order, and what has been learned of each. */
import type { MergedNameServers, NameServer } from '../../iface/merged-name-servers.ts'

/**
 * So many are asked for one question: resolv.conf(5) has three, and each silent one costs seconds.
 */
export const MAX_ASKED_SERVERS = 3
/** One that did not answer is asked after the others for so long. */
const AVOIDANCE_MS = 60_000

export interface Server extends NameServer {
  /** False once it has refused a query for its EDNS (RFC 6891 §7). */
  knowsEdns: boolean
  avoidedUntilMs: number
}

export class ServerList {
  private readonly configured: MergedNameServers
  private generation = -1
  private servers: Server[] = []

  constructor(configured: MergedNameServers) {
    this.configured = configured
  }

  /** Those to ask for one question, the best first; empty when none is known. */
  choose(nowMs: number): Server[] {
    if (this.generation !== this.configured.generation) {
      this.generation = this.configured.generation
      this.servers = this.configured.servers.map((server) => ({
        ...{ ...server, knowsEdns: true },
        avoidedUntilMs: Number.NEGATIVE_INFINITY,
      }))
    }
    const isAvoided = (server: Server) => nowMs < server.avoidedUntilMs
    const good = this.servers.filter((server) => !isAvoided(server))
    return [...good, ...this.servers.filter(isAvoided)].slice(0, MAX_ASKED_SERVERS)
  }
}

export function avoid(server: Server, nowMs: number): void {
  server.avoidedUntilMs = nowMs + AVOIDANCE_MS
}
