/** The results that both sides exchange after a test (EXCHANGE_RESULTS). */
import type { Iperf3Stream } from './stream.ts'

/** Results of the most streams there can be stay well below; more is refused unread. */
export const MAX_RESULTS_BYTES = 64 * 1024

export interface TestSummary {
  readonly streams: readonly Iperf3Stream[]
  /** From the first byte that counts to the last. */
  readonly elapsedS: number
  /** Percent of one processor that was not idle. */
  readonly processorUse: number
  readonly wantsServerOutput: boolean
}

/** What the client wants to know of this side. */
export function describeResults(summary: TestSummary): object {
  const { streams, elapsedS } = summary
  const isSending = streams.some((stream) => stream.isSender)
  return {
    cpu_util_total: summary.processorUse,
    // No user mode here: the unikernel is its own kernel.
    cpu_util_user: 0,
    cpu_util_system: summary.processorUse,
    sender_has_retransmits: isSending ? 1 : -1,
    ...(streams.length === 0 ? {} : { congestion_used: streams[0]!.socket.congestion.name }),
    ...(summary.wantsServerOutput ? { server_output_text: formatSummary(summary) } : {}),
    streams: streams.map((stream) => ({
      id: stream.id,
      bytes: stream.transferredBytes(),
      retransmits: stream.isSender ? stream.retransmissions() : -1,
      jitter: 0,
      errors: 0,
      omitted_errors: 0,
      packets: 0,
      omitted_packets: 0,
      start_time: 0,
      end_time: elapsedS,
    })),
  }
}

/** Bytes that the client says it has transferred, by stream; null when these are no results. */
export function readResults(json: unknown): ReadonlyMap<number, number> | null {
  const streams = (json as { streams?: unknown } | null)?.streams
  if (!Array.isArray(streams)) return null
  const bytesById = new Map<number, number>()
  for (const entry of streams as ({ id?: unknown; bytes?: unknown } | null)[]) {
    const id = entry?.id
    const bytes = entry?.bytes
    if (typeof id !== 'number' || typeof bytes !== 'number') return null
    bytesById.set(id, bytes)
  }
  return bytesById
}

function formatSummary({ streams, elapsedS }: TestSummary): string {
  return streams
    .map((stream) => {
      const megabytes = (stream.transferredBytes() / 1e6).toFixed(2)
      const rate = ((stream.transferredBytes() * 8) / 1e6 / Math.max(elapsedS, 1e-3)).toFixed(1)
      const role = stream.isSender ? `sent, ${stream.retransmissions()} retransmitted` : 'received'
      return `[${stream.id}] 0.00-${elapsedS.toFixed(2)} s  ${megabytes} MB  ${rate} Mbit/s  ${role}\n`
    })
    .join('')
}
