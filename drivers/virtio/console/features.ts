/** Features of the console device (virtio 1.4 §5.3.3) and which of them this driver takes. */
import { type Feature, TRANSPORT_FEATURES, VERSION_1 } from '../features.ts'

export const MULTIPORT = 'MULTIPORT'

export const KNOWN_FEATURES: readonly Feature[] = [
  { name: 'SIZE', bit: 0 },
  { name: MULTIPORT, bit: 1 },
  { name: 'EMERG_WRITE', bit: 2 },
  ...TRANSPORT_FEATURES,
]

/** A port without a name is of no use here: without MULTIPORT there are none. */
export const SUPPORTED_FEATURES: ReadonlySet<string> = new Set([
  VERSION_1,
  MULTIPORT,
  'EVENT_IDX',
  'ACCESS_PLATFORM',
  'ORDER_PLATFORM',
])
