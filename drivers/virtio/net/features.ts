/** Feature bits of the network device and what each requires (virtio 1.4 §5.1.3). */
import { type Feature, TRANSPORT_FEATURES, VERSION_1 } from '../features.ts'

const CTRL_VQ = [['CTRL_VQ']]

const NETWORK_FEATURES: readonly Feature[] = [
  { name: 'CSUM', bit: 0, offloadName: 'csum' },
  { name: 'GUEST_CSUM', bit: 1, offloadName: 'guest_csum' },
  { name: 'CTRL_GUEST_OFFLOADS', bit: 2, requires: CTRL_VQ },
  { name: 'MTU', bit: 3 },
  { name: 'MAC', bit: 5 },
  { name: 'GSO', bit: 6 },
  { name: 'GUEST_TSO4', bit: 7, requires: [['GUEST_CSUM']], offloadName: 'guest_tso4' },
  { name: 'GUEST_TSO6', bit: 8, requires: [['GUEST_CSUM']], offloadName: 'guest_tso6' },
  { name: 'GUEST_ECN', bit: 9, requires: [['GUEST_TSO4', 'GUEST_TSO6']], offloadName: 'guest_ecn' },
  { name: 'GUEST_UFO', bit: 10, requires: [['GUEST_CSUM']] },
  { name: 'HOST_TSO4', bit: 11, requires: [['CSUM']], offloadName: 'tso4' },
  { name: 'HOST_TSO6', bit: 12, requires: [['CSUM']], offloadName: 'tso6' },
  { name: 'HOST_ECN', bit: 13, requires: [['HOST_TSO4', 'HOST_TSO6']], offloadName: 'host_ecn' },
  { name: 'HOST_UFO', bit: 14, requires: [['CSUM']] },
  { name: 'MRG_RXBUF', bit: 15, offloadName: 'mrg_rxbuf' },
  { name: 'STATUS', bit: 16 },
  { name: 'CTRL_VQ', bit: 17 },
  { name: 'CTRL_RX', bit: 18, requires: CTRL_VQ },
  { name: 'CTRL_VLAN', bit: 19, requires: CTRL_VQ },
  { name: 'CTRL_RX_EXTRA', bit: 20, requires: CTRL_VQ },
  // The device asks by a bit of `status`.
  { name: 'GUEST_ANNOUNCE', bit: 21, requires: [['CTRL_VQ'], ['STATUS']] },
  { name: 'MQ', bit: 22, requires: CTRL_VQ },
  { name: 'CTRL_MAC_ADDR', bit: 23, requires: CTRL_VQ },
  { name: 'DEVICE_STATS', bit: 50, requires: CTRL_VQ },
  { name: 'HASH_TUNNEL', bit: 51, requires: [['CTRL_VQ'], ['RSS', 'HASH_REPORT']] },
  { name: 'VQ_NOTF_COAL', bit: 52, requires: CTRL_VQ },
  { name: 'NOTF_COAL', bit: 53, requires: CTRL_VQ },
  { name: 'GUEST_USO4', bit: 54, requires: [['GUEST_CSUM']], offloadName: 'guest_uso4' },
  { name: 'GUEST_USO6', bit: 55, requires: [['GUEST_CSUM']], offloadName: 'guest_uso6' },
  { name: 'HOST_USO', bit: 56, requires: [['CSUM']], offloadName: 'uso' },
  { name: 'HASH_REPORT', bit: 57, requires: CTRL_VQ },
  { name: 'GUEST_HDRLEN', bit: 59 },
  { name: 'RSS', bit: 60, requires: CTRL_VQ },
  { name: 'RSC_EXT', bit: 61, requires: [['HOST_TSO4', 'HOST_TSO6']] },
  { name: 'STANDBY', bit: 62 },
  { name: 'SPEED_DUPLEX', bit: 63 },
  { name: 'RSS_CONTEXT', bit: 64, requires: [['CTRL_VQ'], ['RSS']] },
  { name: 'GUEST_UDP_TUNNEL_GSO', bit: 65 },
  { name: 'GUEST_UDP_TUNNEL_GSO_CSUM', bit: 66 },
  { name: 'HOST_UDP_TUNNEL_GSO', bit: 67 },
  { name: 'HOST_UDP_TUNNEL_GSO_CSUM', bit: 68 },
  { name: 'OUT_NET_HEADER', bit: 69 },
  { name: 'IPSEC', bit: 70 },
]

export const KNOWN_FEATURES: readonly Feature[] = [...NETWORK_FEATURES, ...TRANSPORT_FEATURES]

/**
 * What this driver makes use of. ACCESS_PLATFORM and ORDER_PLATFORM cost nothing: the guest
 * programs no IOMMU, so that bus addresses are physical ones, and its barriers are full ones.
 */
export const SUPPORTED_FEATURES: ReadonlySet<string> = new Set([
  'CSUM',
  'GUEST_CSUM',
  'MTU',
  'MAC',
  'GUEST_TSO4',
  'GUEST_TSO6',
  'GUEST_ECN',
  'HOST_TSO4',
  'HOST_TSO6',
  'HOST_ECN',
  'MRG_RXBUF',
  'STATUS',
  'CTRL_VQ',
  'CTRL_RX',
  'CTRL_VLAN',
  'CTRL_MAC_ADDR',
  'CTRL_GUEST_OFFLOADS',
  'MQ',
  'RSS',
  'GUEST_ANNOUNCE',
  'NOTF_COAL',
  'VQ_NOTF_COAL',
  'GUEST_USO4',
  'GUEST_USO6',
  'HOST_USO',
  'GUEST_HDRLEN',
  'INDIRECT_DESC',
  'EVENT_IDX',
  'RING_PACKED',
  VERSION_1,
  'ACCESS_PLATFORM',
  'ORDER_PLATFORM',
])

/**
 * Receive offloads that CTRL_GUEST_OFFLOADS switches (§5.1.6.5.9.1), each after those that it
 * requires.
 */
export const SWITCHABLE_OFFLOADS: readonly Feature[] = NETWORK_FEATURES.filter(
  ({ name }) => SUPPORTED_FEATURES.has(name) && /^GUEST_(CSUM|TSO[46]|ECN|USO[46])$/.test(name),
)

/** The words that `offload=` knows. */
export const OFFLOAD_NAMES: readonly string[] = KNOWN_FEATURES.flatMap((feature) =>
  feature.offloadName !== undefined && SUPPORTED_FEATURES.has(feature.name)
    ? [feature.offloadName]
    : [],
)
