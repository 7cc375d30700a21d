/**
 * The way of the SNTP client to its servers: whom the command line or a lease names, each by a UDP
 * port of its own.
 */
import type { UdpEndpoint } from '../../net/api/udp-endpoint.ts'
import type { NtpCodec } from './ask-server.ts'
import type { GuestClock } from './guest-clock.ts'

export interface OpenNtpParts {
  /** Of the command line; null: those of the lease. */
  readonly given: readonly string[] | null
  /** Those that DHCP names, as they are now; null: nobody is asked for a lease. */
  readonly leased: (() => readonly string[]) | null
  readonly codec: NtpCodec
  readonly port: number
  readonly connectDatagram: (target: { hostname: string; port: number }) => Promise<UdpEndpoint>
  readonly random: { fill(target: Uint8Array): void }
  /** Runs it once the guest has an address. */
  readonly whenAddressed: (start: () => void) => void
}

/**
 * NTP servers of the first interface, in order, whose lease names any: a network that was added
 * later must not outvote the first one's servers.
 */
export function serversOfLeases<Server>(
  clients: readonly { readonly lease: { readonly ntpServers: readonly Server[] } | null }[],
): readonly Server[] {
  for (const { lease } of clients) {
    if (lease !== null && lease.ntpServers.length > 0) return lease.ntpServers
  }
  return []
}

/** A fresh port for each question: who forges answers has to find it, too (RFC 9109). */
export function openNtp(clock: GuestClock, parts: OpenNtpParts): void {
  const { given, leased, codec, port, random } = parts
  const servers = given === null ? leased : () => given
  if (servers === null || given?.length === 0) return
  const open = (hostname: string) => parts.connectDatagram({ hostname, port })
  parts.whenAddressed(() => clock.startNtp({ codec, servers, open, random }))
}
