/**
 * Prometheus' text format: escapes, cumulative buckets, and names in base units; promtool judges
 * the whole in test/qemu.
 */
import { expect, it } from 'vitest'
import {
  countRequest,
  countStatus,
  forgetRequests,
  reportRequests,
} from '../../../../../kernel/userland/http/request-meter.ts'
import { Exposition, samplesOf } from '../../../../../kernel/userland/status/exposition.ts'
import { metricsText } from '../../../../../kernel/userland/status/metrics-text.ts'

it('writes families with help, type and escaped labels, and none without samples', () => {
  const text = new Exposition()
    .counter('a_things', 'Things.', [1, { name: 'a"b\\c\nd' }], [2.5, { name: 'e' }])
    .gauge('a_seconds', 'Time.', [Number.POSITIVE_INFINITY])
    .counter('a_nothing', 'Nothing.')
    .text()
  expect(text).toBe(
    '# HELP a_things_total Things.\n# TYPE a_things_total counter\n' +
      'a_things_total{name="a\\"b\\\\c\\nd"} 1\na_things_total{name="e"} 2.5\n' +
      '# HELP a_seconds Time.\n# TYPE a_seconds gauge\na_seconds +Inf\n',
  )
})

it('writes a histogram with cumulative buckets', () => {
  const histogram = { bounds: [0.1, 1], counts: [3, 0, 2], total: 7.5 }
  expect(new Exposition().histogram('t_seconds', 'Time.', histogram).text()).toBe(
    '# HELP t_seconds Time.\n# TYPE t_seconds histogram\n' +
      't_seconds_bucket{le="0.1"} 3\nt_seconds_bucket{le="1"} 3\nt_seconds_bucket{le="+Inf"} 5\n' +
      't_seconds_sum 7.5\nt_seconds_count 5\n',
  )
})

it('names the numbers of a record in snake case', () => {
  expect(samplesOf({ tcpBadSource: 1, ipv4Ok: 2, text: 'x', left: 3 }, 'event', ['left'])).toEqual([
    [1, { event: 'tcp_bad_source' }],
    [2, { event: 'ipv4_ok' }],
  ])
})

it('says what there is of a guest without a network', () => {
  const statistics = {
    ...{ version: '1', engine: 'QuickJS "x"', uptimeNs: 2.5e9, interrupts: { 'nic 0': 4 } },
    memory: { engineBytes: 1, heapBytes: 2, dmaBytes: 3, ramBytes: 4 },
    loop: { turns: 5, sleeps: 6, polls: 7, sleptNs: 1e9 },
    ...{ entropy: { reseeds: 0 }, clock: { ntp: null } },
    connections: { open: 0, halfOpen: 0, finWait2: 0, timeWait: 0 },
    ...{ interfaces: [], tcp: null, udp: null, dns: null },
  }
  forgetRequests()
  countRequest(2000)
  countStatus(404)
  const lines = metricsText(statistics, reportRequests()).split('\n')
  expect(lines).toContain('eremite_uptime_seconds 2.5')
  expect(lines).toContain('eremite_interrupts_total{source="nic 0"} 4')
  expect(lines).toContain('eremite_build_info{version="1",engine="QuickJS \\"x\\""} 1')
  expect(lines).toContain('eremite_http_requests_total{code="4xx"} 1')
  expect(lines).toContain('eremite_http_request_duration_seconds_bucket{le="1"} 0')
  expect(lines).toContain('eremite_http_request_duration_seconds_bucket{le="2.5"} 1')
  expect(lines).toContain('eremite_http_request_duration_seconds_sum 2')
  expect(lines.join()).not.toMatch(/undefined|NaN|null/)
})

it('says of which interface each count is', () => {
  const device = (frames: number) => ({
    ...{ transmittedFrames: frames, receivedFrames: 0, transmittedBytes: 0, receivedBytes: 0 },
    ...{ transmittedSuperSegments: 0, receivedSuperSegments: 0 },
    ...{ transmitNotifications: 0, receiveNotifications: 0, deviceResets: frames },
    ...{ largestTransmittedFrame: 0, largestReceivedFrame: 0 },
    ...{ deviceViolations: {}, drops: { noBuffer: 9 } },
  })
  const interfaces = [0, 1].map((index) => ({
    ...{ index, isUp: index === 0, device: device(3 + index) },
    counters: { bytesReceived: 5 + index, ipv4OtherInterface: index },
  }))
  const statistics = {
    ...{ version: '1', engine: 'x', uptimeNs: 1, interrupts: {}, entropy: { reseeds: 0 } },
    memory: { engineBytes: 1, heapBytes: 2, dmaBytes: 3, ramBytes: 4 },
    loop: { turns: 5, sleeps: 6, polls: 7, sleptNs: 1e9 },
    connections: { open: 0, halfOpen: 0, finWait2: 0, timeWait: 0 },
    ...{ interfaces, tcp: null, udp: null, dns: null },
  }
  const lines = metricsText(statistics, reportRequests()).split('\n')
  for (const line of [
    'eremite_interface_up{interface="0"} 1',
    'eremite_interface_up{interface="1"} 0',
    'eremite_device_frames_total{interface="1",direction="transmit"} 4',
    'eremite_device_resets_total{interface="0"} 3',
    'eremite_device_drops_total{interface="1",reason="no_buffer"} 9',
    'eremite_interface_receive_bytes_total{interface="1"} 6',
    'eremite_interface_events_total{interface="1",event="ipv4_other_interface"} 1',
  ]) {
    expect(lines).toContain(line)
  }
})
