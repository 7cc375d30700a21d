/** Feature bits that any virtio device may offer (virtio 1.4 §6, "Reserved Feature Bits"). */

/** One feature bit: its name in the specification without VIRTIO_F_ or VIRTIO_<type>_F_. */
export interface Feature {
  readonly name: string
  readonly bit: number
  /** Alternatives in conjunction: of each inner list at least one feature must be accepted too. */
  readonly requires?: readonly (readonly string[])[]
  /**
   * The word that switches it off in the command line's `offload=`; absent = cannot be switched
   * off.
   */
  readonly offloadName?: string
}

export const VERSION_1 = 'VERSION_1'

export const TRANSPORT_FEATURES: readonly Feature[] = [
  { name: 'NOTIFY_ON_EMPTY', bit: 24 },
  { name: 'ANY_LAYOUT', bit: 27 },
  { name: 'INDIRECT_DESC', bit: 28, offloadName: 'indirect_desc' },
  { name: 'EVENT_IDX', bit: 29, offloadName: 'event_idx' },
  { name: 'BAD_FEATURE', bit: 30 },
  { name: VERSION_1, bit: 32 },
  { name: 'ACCESS_PLATFORM', bit: 33 },
  { name: 'RING_PACKED', bit: 34, offloadName: 'ring_packed' },
  { name: 'IN_ORDER', bit: 35 },
  { name: 'ORDER_PLATFORM', bit: 36 },
  { name: 'SR_IOV', bit: 37 },
  { name: 'NOTIFICATION_DATA', bit: 38 },
  { name: 'NOTIF_CONFIG_DATA', bit: 39 },
  { name: 'RING_RESET', bit: 40 },
  { name: 'ADMIN_VQ', bit: 41 },
  { name: 'SUSPEND', bit: 43 },
]
