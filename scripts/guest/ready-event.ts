/** The guest's `ready` event on port 0xe9 (kernel/README.md), checked before it is used. */

/** Where the built-in app and apps with a page listen. */
export const HTTP_PORT = 80

export interface ReadyEvent {
  readonly event: 'ready'
  /** Nanoseconds since the guest's entry. */
  readonly ns: number
  /** Stage to nanoseconds since entry. */
  readonly bootNs: Readonly<Record<string, number>>
  /** Null without a network device, like `mac` and `mtu`. */
  readonly pci: string | null
  readonly features: {
    readonly offered: readonly string[]
    readonly negotiated: readonly string[]
    /** Offered or wanted, not taken: name to reason. */
    readonly refused: Readonly<Record<string, string>>
  }
  /** Bytes of the largest frame, Ethernet header included; absent = the device does not segment. */
  readonly segmentation: {
    readonly tcpv4?: number
    readonly tcpv6?: number
    readonly udpv4?: number
    readonly udpv6?: number
  }
  readonly checksum: Readonly<Record<string, unknown>>
  readonly mac: string | null
  readonly mtu: number | null
  /** Pairs of queues of the device that are used. */
  readonly queuePairs: number | null
  readonly addresses: readonly string[]
  readonly listening: readonly { readonly port: number; readonly protocol: string }[]
  readonly network: {
    readonly pci: string
    readonly mac: string
    readonly mtu: number
    readonly addresses: readonly string[]
  } | null
  /** Why `network` is null; null with one. */
  readonly noNetwork: { readonly reason: string; readonly message: string } | null
}

/** Throws with the name of the first field that is missing or of the wrong type. */
export function checkReadyEvent(value: unknown): ReadyEvent {
  const event = value as ReadyEvent
  const wrong = (field: string): never => {
    throw new Error(`Cannot use the ready event: ${field} is missing or of the wrong type`)
  }
  if (typeof event !== 'object' || event === null) wrong('the event')
  if (event.event !== 'ready') wrong('event')
  if (typeof event.ns !== 'number') wrong('ns')
  if (!isRecordOf(event.bootNs, 'number')) wrong('bootNs')
  if (event.pci !== null && typeof event.pci !== 'string') wrong('pci')
  if (!isRecord(event.features)) wrong('features')
  if (!isArrayOf(event.features.offered, 'string')) wrong('features.offered')
  if (!isArrayOf(event.features.negotiated, 'string')) wrong('features.negotiated')
  if (!isRecordOf(event.features.refused, 'string')) wrong('features.refused')
  if (!isRecordOf(event.segmentation, 'number')) wrong('segmentation')
  if (!isRecord(event.checksum)) wrong('checksum')
  if (event.mac !== null && typeof event.mac !== 'string') wrong('mac')
  if (event.mtu !== null && typeof event.mtu !== 'number') wrong('mtu')
  if (event.queuePairs !== null && typeof event.queuePairs !== 'number') wrong('queuePairs')
  if (!isArrayOf(event.addresses, 'string')) wrong('addresses')
  if (!isArrayOf(event.listening, 'object')) wrong('listening')
  if (event.network !== null && !isRecord(event.network)) wrong('network')
  const why = event.noNetwork
  if (why !== null && typeof why?.message !== 'string') wrong('noNetwork')
  return event
}

/** The addresses others can reach it at: IPv4, and IPv6 other than link-local. */
export function reachableAddresses(ready: ReadyEvent): { ipv4?: string; ipv6?: string } {
  const bare = ready.addresses.map((text) => text.split('/')[0] ?? text)
  const ipv4 = bare.find((text) => text.includes('.'))
  const ipv6 = bare.find((text) => text.includes(':') && !text.startsWith('fe80:'))
  return { ...(ipv4 === undefined ? {} : { ipv4 }), ...(ipv6 === undefined ? {} : { ipv6 }) }
}

export function listensOn(ready: ReadyEvent, port: number): boolean {
  return ready.listening.some((entry) => entry.port === port && entry.protocol === 'tcp')
}

/**
 * The TCP port that a person is most likely after: HTTP, else the first that the app listens on.
 */
export function portToServe(ready: ReadyEvent): number | undefined {
  if (listensOn(ready, HTTP_PORT)) return HTTP_PORT
  return ready.listening.find(({ protocol }) => protocol === 'tcp')?.port
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isRecordOf(value: unknown, type: string): boolean {
  return isRecord(value) && Object.values(value).every((item) => typeof item === type)
}

function isArrayOf(value: unknown, type: string): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === type)
}
