/**
 * What `/metrics` says: the guest's statistics and the app's requests in Prometheus' text format,
 * in seconds and bytes.
 */
import type { RequestReport } from '../http/request-meter.ts'
import { Exposition, type Sample, samplesOf } from './exposition.ts'

type Numbers = Record<string, number>
type Drops = { readonly drops: Numbers }

/**
 * The part of `system.statistics()` that becomes metrics; the rest is facts, or one connection's.
 */
interface Statistics {
  readonly version: string
  readonly engine: string
  readonly uptimeNs: number
  readonly memory: { engineBytes: number; heapBytes: number; dmaBytes: number; ramBytes: number }
  readonly loop: { turns: number; sleeps: number; polls: number; sleptNs: number }
  readonly interrupts: Numbers
  readonly entropy: { readonly reseeds: number }
  readonly clock?: { readonly ntp: TimeReport | null }
  readonly connections: { open: number; halfOpen: number; finWait2: number; timeWait: number }
  readonly interfaces: readonly InterfaceStatistics[]
  readonly tcp: (Numbers & Drops) | null
  readonly udp: (Numbers & Drops) | null
  readonly dns: (Numbers & Drops) | null
}

interface InterfaceStatistics {
  readonly index: number
  readonly isUp: boolean
  readonly device: Numbers & Drops & { readonly deviceViolations: Numbers }
  /** Of the link and IP. */
  readonly counters: Numbers
}

interface TimeReport {
  readonly offsetUs: number | null
  readonly ageSeconds: number | null
  readonly frequencyPpb: number
  readonly statistics: Numbers & { readonly rejected: Numbers }
}

export function metricsText(values: Record<string, unknown>, requests: RequestReport): string {
  const statistics = values as unknown as Statistics
  const out = new Exposition()
  addGuest(out, statistics)
  addRequests(out, requests)
  addInterfaces(out, statistics)
  addTcp(out, statistics)
  addOthers(out, statistics)
  addTime(out, statistics.clock?.ntp ?? null)
  return out.text()
}

function addGuest(out: Exposition, statistics: Statistics): void {
  const { version, engine, uptimeNs, memory, loop, interrupts, entropy } = statistics
  out
    .gauge('eremite_build_info', 'Always 1, with the versions as labels.', [1, { version, engine }])
    .gauge('eremite_uptime_seconds', 'Time since the guest was entered.', [uptimeNs / 1e9])
    .gauge('eremite_memory_ram_bytes', 'Memory of the machine.', [memory.ramBytes])
    .gauge('eremite_memory_heap_bytes', 'Memory that the heap has reserved.', [memory.heapBytes])
    .gauge('eremite_memory_engine_bytes', 'Memory in use by the engine.', [memory.engineBytes])
    .gauge('eremite_memory_dma_bytes', 'Memory that devices may reach.', [memory.dmaBytes])
    .counter('eremite_loop_turns', 'Turns of the event loop.', [loop.turns])
    .counter('eremite_loop_sleeps', 'Times the processor was halted.', [loop.sleeps])
    .counter('eremite_loop_polls', 'Times work was looked for awake.', [loop.polls])
    .counter('eremite_loop_slept_seconds', 'Time spent halted.', [loop.sleptNs / 1e9])
    .counter('eremite_interrupts', 'Interrupts by their source.', ...named(interrupts, 'source'))
    .counter('eremite_entropy_reseeds', 'Times the random numbers got fresh seed.', [
      entropy.reseeds,
    ])
}

/** The names as they are: those of devices. */
function named(record: Numbers, label: string): Sample[] {
  return Object.entries(record).map(([name, value]) => [value, { [label]: name }] as const)
}

function addRequests(out: Exposition, { byClass, boundsMs, counts, totalMs }: RequestReport): void {
  const samples = byClass
    .map((count, digit) => [count, { code: `${digit}xx` }] as const)
    .filter(([count], digit) => count > 0 || digit === 2)
  out
    .counter('eremite_http_requests', 'Requests answered, by the class of the status.', ...samples)
    .histogram(
      'eremite_http_request_duration_seconds',
      'From the request to the last byte of the response being queued.',
      { bounds: boundsMs.map((bound) => bound / 1000), counts, total: totalMs / 1000 },
    )
}

/** Of each interface, with its number as a label. */
function addInterfaces(out: Exposition, { interfaces }: Statistics): void {
  const each = (samples: (statistics: InterfaceStatistics) => readonly Sample[]): Sample[] =>
    interfaces.flatMap((statistics) =>
      samples(statistics).map(
        ([value, labels]) => [value, { interface: `${statistics.index}`, ...labels }] as const,
      ),
    )
  const both = (transmit: string, receive: string): Sample[] =>
    each(({ device }) => [
      [device[transmit]!, { direction: 'transmit' }],
      [device[receive]!, { direction: 'receive' }],
    ])
  out
    .gauge('eremite_interface_up', '1 while the link is up.', ...each(({ isUp }) => [[+isUp]]))
    .counter(
      'eremite_device_frames',
      'Frames; a super-segment is one.',
      ...both('transmittedFrames', 'receivedFrames'),
    )
    .counter(
      'eremite_device_bytes',
      'Octets of frames.',
      ...both('transmittedBytes', 'receivedBytes'),
    )
    .counter(
      'eremite_device_super_segments',
      'Frames that stand for several segments.',
      ...both('transmittedSuperSegments', 'receivedSuperSegments'),
    )
    .counter(
      'eremite_device_notifications',
      'Times the device was told.',
      ...both('transmitNotifications', 'receiveNotifications'),
    )
    .gauge(
      'eremite_device_largest_frame_bytes',
      'Longest frame since boot.',
      ...both('largestTransmittedFrame', 'largestReceivedFrame'),
    )
    .counter(
      'eremite_device_resets',
      'Times the device was reset.',
      ...each(({ device }) => [[device.deviceResets!]]),
    )
    .counter(
      'eremite_device_violations',
      'What the device was caught at.',
      ...each(({ device }) => [[sum(device.deviceViolations)]]),
    )
    .counter(
      'eremite_device_drops',
      'Frames dropped by the driver.',
      ...each(({ device }) => samplesOf(device.drops, 'reason')),
    )
    .counter(
      'eremite_interface_receive_bytes',
      'Octets of frames.',
      ...each(({ counters }) => [[counters.bytesReceived!]]),
    )
    .counter(
      'eremite_interface_events',
      'What the link and IP have done, seen and dropped.',
      ...each(({ counters }) => samplesOf(counters, 'event', INTERFACE_OWN)),
    )
}

const INTERFACE_OWN = ['bytesReceived']

const sum = (record: Numbers) => Object.values(record).reduce((total, count) => total + count, 0)

const TCP_OWN = ['bytesReceived', 'bytesSent', 'retransmittedBytes', 'largestSegmentSent']

function addTcp(out: Exposition, { tcp, connections }: Statistics): void {
  out.gauge('eremite_tcp_connections', 'Connections by state.', ...samplesOf(connections, 'state'))
  if (tcp === null) return
  out
    .counter('eremite_tcp_receive_bytes', 'Octets of text received.', [tcp.bytesReceived!])
    .counter('eremite_tcp_transmit_bytes', 'Octets of text sent, without those sent again.', [
      tcp.bytesSent!,
    ])
    .counter('eremite_tcp_retransmit_bytes', 'Octets of text sent again.', [
      tcp.retransmittedBytes!,
    ])
    .gauge('eremite_tcp_largest_segment_bytes', 'Longest segment sent since boot.', [
      tcp.largestSegmentSent!,
    ])
    .counter(
      'eremite_tcp_events',
      'What TCP has done and seen.',
      ...samplesOf(tcp, 'event', TCP_OWN),
    )
    .counter('eremite_tcp_drops', 'Segments dropped.', ...samplesOf(tcp.drops, 'reason'))
}

const UDP_OWN = ['bytesReceived', 'bytesSent', 'sockets']
const DNS_OWN = ['outstanding', 'cached']

function addOthers(out: Exposition, { udp, dns }: Statistics): void {
  if (udp !== null) {
    out
      .gauge('eremite_udp_sockets', 'Open UDP ports.', [udp.sockets!])
      .counter('eremite_udp_receive_bytes', 'Octets of datagrams.', [udp.bytesReceived!])
      .counter('eremite_udp_transmit_bytes', 'Octets of datagrams.', [udp.bytesSent!])
      .counter(
        'eremite_udp_events',
        'What UDP has done and seen.',
        ...samplesOf(udp, 'event', UDP_OWN),
      )
      .counter('eremite_udp_drops', 'Datagrams dropped.', ...samplesOf(udp.drops, 'reason'))
  }
  if (dns === null) return
  out
    .gauge('eremite_dns_outstanding_questions', 'Questions under way.', [dns.outstanding!])
    .gauge('eremite_dns_cached_answers', 'Answers remembered.', [dns.cached!])
    .counter(
      'eremite_dns_events',
      'What the resolver has done and seen.',
      ...samplesOf(dns, 'event', DNS_OWN),
    )
    .counter('eremite_dns_drops', 'Answers not believed.', ...samplesOf(dns.drops, 'reason'))
}

function addTime(out: Exposition, ntp: TimeReport | null): void {
  if (ntp === null) return
  out
    .counter(
      'eremite_ntp_events',
      'What the NTP client has done and seen.',
      ...samplesOf(ntp.statistics, 'event'),
    )
    .counter(
      'eremite_ntp_rejected',
      'Answers that did not count.',
      ...samplesOf(ntp.statistics.rejected, 'reason'),
    )
  if (ntp.offsetUs === null || ntp.ageSeconds === null) return
  out
    .gauge(
      'eremite_clock_offset_seconds',
      'By how much the date was behind when it was corrected last.',
      [ntp.offsetUs / 1e6],
    )
    .gauge('eremite_clock_correction_age_seconds', 'Time since then.', [ntp.ageSeconds])
    .gauge('eremite_clock_frequency_ratio', 'By what part the own timer is too slow.', [
      ntp.frequencyPpb / 1e9,
    ])
}
