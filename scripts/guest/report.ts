/** What booted and what was negotiated, as one block of text for a person. */

import type { AcceleratorChoice, Machine } from 'qemu-runner'
import {
  explainFeatures,
  type FeatureExplanation,
} from '../../drivers/virtio/net/explain-features.ts'
import type { BootedGuest } from './boot-guest.ts'
import type { RunNetwork } from './network.ts'
import type { ReadyEvent } from './ready-event.ts'

const LABEL_WIDTH = 14
/** Of the whole block: wider is hard to read, narrower breaks every line. */
const WIDEST = 100
const NARROWEST = 80

export function formatReport(
  guest: BootedGuest,
  network: RunNetwork,
  accelerator: AcceleratorChoice,
  machine: Machine,
  columns = WIDEST,
): string {
  const { ready } = guest
  const width = Math.max(NARROWEST, Math.min(columns, WIDEST)) - LABEL_WIDTH - 2
  const rows: [string, readonly string[]][] = [
    ['machine', [`${machine}, ${accelerator.accelerator.toUpperCase()} (${accelerator.why})`]],
    ['network', network.description],
    ['boot', [formatBoot(guest)]],
    [
      'device',
      [
        ready.pci === null
          ? 'none'
          : `virtio-net at ${ready.pci}, MAC ${ready.mac}, MTU ${ready.mtu}, ${formatPairs(ready)}`,
      ],
    ],
    ...featureRows(ready, width),
    ['segmentation', [formatSegmentation(ready)]],
    ['checksums', [formatChecksums(ready)]],
    ['addresses', [ready.addresses.join('  ') || 'none']],
    ['listening', [formatListening(ready) || 'nothing']],
  ]
  const lines = rows.flatMap(([label, text]) =>
    text
      .flatMap((line) => (line.length <= width ? [line] : wrap(line, width)))
      .map((line, index) => `  ${(index === 0 ? label : '').padEnd(LABEL_WIDTH)}${line}`),
  )
  return ['', 'Eremite', ...lines, ''].join('\n')
}

function formatPairs({ queuePairs }: ReadyEvent): string {
  return queuePairs === 1 ? 'one pair of queues' : `${queuePairs} pairs of queues`
}

/** "143.2 ms: QEMU and firmware 98.0, clock 2.3, …": what each stage took. */
function formatBoot({ ready, bootMs }: BootedGuest): string {
  const beforeEntryMs = bootMs - ready.ns / 1e6
  const stages = Object.entries(ready.bootNs).sort(([, a], [, b]) => a - b)
  let previousNs = 0
  const parts = [`QEMU and firmware ${beforeEntryMs.toFixed(1)}`]
  for (const [stage, ns] of stages) {
    if (ns > 0) parts.push(`${stage} ${((ns - previousNs) / 1e6).toFixed(1)}`)
    previousNs = ns
  }
  if (ready.bootNs.ready === undefined)
    parts.push(`ready ${((ready.ns - previousNs) / 1e6).toFixed(1)}`)
  return `${bootMs.toFixed(1)} ms: ${parts.join(', ')}`
}

const STATE_LABELS = [
  ['negotiated', 'negotiated'],
  ['not offered', 'not offered'],
  ['refused', 'left out'],
] as const

/**
 * What was negotiated and what it is good for; of the others, why not: those with the same reason
 * share a line.
 */
function featureRows(ready: ReadyEvent, width: number): [string, readonly string[]][] {
  if (ready.pci === null) return []
  const entries = explainFeatures(ready.features)
  return STATE_LABELS.flatMap(([state, label]) => {
    const those = entries.filter((entry) => entry.state === state)
    if (those.length === 0) return []
    return [[label, state === 'negotiated' ? meanings(those, width) : reasons(those)]]
  })
}

function meanings(entries: readonly FeatureExplanation[], width: number): string[] {
  const names = Math.max(...entries.map(({ feature }) => feature.length))
  return entries.flatMap(({ feature, meaning }) =>
    wrap(meaning, width - names - 2).map(
      (line, index) => `${(index === 0 ? feature : '').padEnd(names)}  ${line}`,
    ),
  )
}

function reasons(entries: readonly FeatureExplanation[]): string[] {
  const byReason = new Map<string, string[]>()
  for (const { feature, reason } of entries) {
    byReason.set(reason, [...(byReason.get(reason) ?? []), feature])
  }
  return [...byReason].map(([reason, features]) => `${features.join(' ')}: ${reason}`)
}

function formatSegmentation({ segmentation }: ReadyEvent): string {
  const family = (name: string, bytes: number | undefined): string =>
    bytes === undefined
      ? `${name} in software`
      : `${name} by the device, frames up to ${bytes} bytes`
  const ofTcp = `${family('TCP/IPv4', segmentation.tcpv4)}; ${family('TCP/IPv6', segmentation.tcpv6)}`
  return `${ofTcp}; ${family('UDP', segmentation.udpv4)}`
}

/** The event says what is left to the stack; a person wants to know who does the work. */
const CHECKSUM_WORDS: Readonly<Record<string, string>> = {
  none: 'by the device',
  receive: 'sent ones by the device, received ones in software',
  transmit: 'received ones by the device, sent ones in software',
  both: 'in software',
}

function formatChecksums({ checksum }: ReadyEvent): string {
  const byWork = new Map<string, string[]>()
  for (const [protocol, work] of Object.entries(checksum)) {
    byWork.set(String(work), [...(byWork.get(String(work)) ?? []), protocol])
  }
  return [...byWork]
    .map(([work, protocols]) => `${protocols.join(', ')} ${CHECKSUM_WORDS[work] ?? work}`)
    .join('; ')
}

function formatListening({ listening }: ReadyEvent): string {
  return listening.map(({ port, protocol }) => `${port}/${protocol}`).join(' ')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
