/**
 * What each known feature is good for, and why this driver leaves some out, in words for newcomers
 * (virtio 1.4 §5.1.3, §6).
 */

/** What the feature does; and, of a feature that this driver never takes, why it does not. */
export type FeatureText = readonly [meaning: string, unused?: string]

const ENOUGH_COMMANDS = 'nothing in this driver needs these commands'
const SUPERSEDED = 'USO cuts large UDP frames into datagrams, which needs no fragments'
const NO_TUNNELS = 'this guest builds no tunnels'
const LEGACY = 'a leftover of the time before virtio 1.0; this driver speaks the modern standard'
const LATER = 'nothing in this driver would be faster with it'

/**
 * A function, so that an image pays for the table when somebody asks, not when it boots. Keys are
 * feature names.
 */
export function featureTexts(): Readonly<Record<string, FeatureText>> {
  return { ...usedFeatures(), ...unusedFeatures() }
}

function usedFeatures(): Record<string, FeatureText> {
  return {
    CSUM: ['the device fills in the checksums of what the guest sends'],
    GUEST_CSUM: ['the host vouches for packets, so the guest need not sum up what it receives'],
    HOST_TSO4: [
      'TCP segmentation (IPv4): the device cuts 64 KiB frames into packets, so the guest does a forty-fifth of the work',
    ],
    HOST_TSO6: [
      'TCP segmentation (IPv6): the device cuts 64 KiB frames into packets, so the guest does a forty-fifth of the work',
    ],
    HOST_ECN: ['the device also segments frames that carry a congestion signal (ECN)'],
    GUEST_TSO4: [
      'receive coalescing (IPv4): the host hands over many TCP packets as one frame of up to 64 KiB',
    ],
    GUEST_TSO6: [
      'receive coalescing (IPv6): the host hands over many TCP packets as one frame of up to 64 KiB',
    ],
    GUEST_ECN: ['coalesced frames may carry a congestion signal (ECN)'],
    HOST_USO: ['UDP segmentation: the device cuts large frames into datagrams of one size'],
    GUEST_USO4: ['the host hands over many UDP datagrams as one frame (IPv4)'],
    GUEST_USO6: ['the host hands over many UDP datagrams as one frame (IPv6)'],
    GUEST_HDRLEN: ['the guest promises exact header lengths, which some devices rely on'],
    MRG_RXBUF: ['a large frame may fill several receive buffers, so that small ones waste nothing'],
    INDIRECT_DESC: ['a frame of several pieces takes one slot of the queue'],
    EVENT_IDX: ['both sides say when to be woken, which saves most interrupts and notifications'],
    RING_PACKED: [
      'queues in which driver and device share one ring, so that fewer cache lines move',
    ],
    VERSION_1: ['the modern virtio standard, without which this driver does not start'],
    MAC: ['the device brings its own hardware address'],
    MTU: ['the device says how large packets may be'],
    STATUS: ['the device says whether its link is up'],
    CTRL_VQ: ['a queue for commands to the device'],
    CTRL_RX: ['the device drops frames to stations and groups that this guest is not'],
    CTRL_VLAN: ['the device drops frames of VLANs, of which this guest is in none'],
    CTRL_MAC_ADDR: ['a guest that had to make up its hardware address tells it to the device'],
    MQ: ['several pairs of queues: what floods one of them leaves the others their share'],
    RSS: ['the guest says by which of several pairs a flow comes, by a key that nobody knows'],
    CTRL_GUEST_OFFLOADS: ['receive offloads can be switched while running'],
    GUEST_ANNOUNCE: ['the host asks the guest to announce itself after a migration'],
    NOTF_COAL: ['fewer interrupts by waiting a while, as interrupt-delay= says'],
    VQ_NOTF_COAL: ['the same for each queue'],
    ACCESS_PLATFORM: ['the device may go through an address translation of the machine (IOMMU)'],
    ORDER_PLATFORM: ['the device needs memory barriers as real hardware does'],
  }
}

function unusedFeatures(): Record<string, FeatureText> {
  return {
    GUEST_UFO: ['the host hands over UDP datagrams larger than a packet', SUPERSEDED],
    HOST_UFO: ['the device cuts large UDP datagrams into IP fragments', SUPERSEDED],
    GSO: ['segmentation of any kind, in one bit', LEGACY],
    CTRL_RX_EXTRA: ['more such commands', ENOUGH_COMMANDS],
    DEVICE_STATS: ['the device hands out its own counters', ENOUGH_COMMANDS],
    RSS_CONTEXT: ['several ways to spread connections', 'this guest leaves that to the device'],
    HASH_REPORT: [
      'the device tells the hash of each packet',
      'it would spare little, and only where connections take turns',
    ],
    HASH_TUNNEL: ['such a hash of the packet inside a tunnel', NO_TUNNELS],
    RSC_EXT: [
      'the host tells how many packets it coalesced into a frame',
      'this guest does not need the number',
    ],
    STANDBY: [
      'the device stands in for another one that is faster',
      'this guest uses one network device',
    ],
    SPEED_DUPLEX: ['the device tells the speed of its link', 'nothing here depends on it'],
    GUEST_UDP_TUNNEL_GSO: ['coalesced frames inside UDP tunnels', NO_TUNNELS],
    GUEST_UDP_TUNNEL_GSO_CSUM: ['the same with checksums of the tunnel', NO_TUNNELS],
    HOST_UDP_TUNNEL_GSO: ['segmentation inside UDP tunnels', NO_TUNNELS],
    HOST_UDP_TUNNEL_GSO_CSUM: ['the same with checksums of the tunnel', NO_TUNNELS],
    OUT_NET_HEADER: ['the device writes headers of an outer network', NO_TUNNELS],
    IPSEC: ['the device encrypts and decrypts IPsec', 'this guest speaks no IPsec'],
    NOTIFY_ON_EMPTY: ['an interrupt when the send queue has run empty', LEGACY],
    ANY_LAYOUT: ['frames may be laid out in any way', LEGACY],
    BAD_FEATURE: ['a trap for drivers that take everything', 'taking it would be a mistake'],
    IN_ORDER: ['the device finishes buffers in their order', LATER],
    SR_IOV: ['the device can appear as several', 'this guest needs one'],
    NOTIFICATION_DATA: ['notifications tell how far the queue is filled', LATER],
    NOTIF_CONFIG_DATA: ['the device chooses what notifications say', LATER],
    RING_RESET: ['single queues can be reset', 'after a fault this driver resets the whole device'],
    ADMIN_VQ: ['a queue that manages other devices', 'this guest manages none'],
    SUSPEND: ['the device can be put to sleep', 'this guest keeps its device awake'],
  }
}
