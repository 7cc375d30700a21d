/**
 * A guest's virtio devices as QEMU sees them: negotiated features and ring positions, without the
 * guest's help.
 */
import type { QmpClient } from './qmp/client.ts'
import type { QmpCommands } from './qmp/schema.generated.ts'

/**
 * Feature bits of rings and transports (virtio 1.3, §6). A version of QEMU may offer a feature
 * whose name it has not learned yet, and gives it as a bit of a number: 7.2 does so with
 * RING_RESET.
 */
const TRANSPORT_FEATURES: Readonly<Record<number, string>> = {
  24: 'NOTIFY_ON_EMPTY',
  27: 'ANY_LAYOUT',
  28: 'INDIRECT_DESC',
  29: 'EVENT_IDX',
  32: 'VERSION_1',
  33: 'IOMMU_PLATFORM',
  34: 'RING_PACKED',
  35: 'IN_ORDER',
  36: 'ORDER_PLATFORM',
  37: 'SR_IOV',
  38: 'NOTIFICATION_DATA',
  39: 'NOTIF_CONFIG_DATA',
  40: 'RING_RESET',
  41: 'ADMIN_VQ',
}

type FeatureList = QmpCommands['x-query-virtio-status']['returns']['guest-features']

export interface VirtioQueueView {
  readonly index: number
  readonly size: number
  /** Next available entry the device will read, modulo 2^16. */
  readonly lastAvailableIndex: number
  /** Next used entry the device will write, modulo 2^16. */
  readonly usedIndex: number
  /** Elements the device has taken and not returned. */
  readonly inUse: number
}

export interface VirtioDeviceView {
  readonly path: string
  readonly name: string
  /**
   * Feature names as in the specification without prefix: `CSUM`, `HOST_TSO4`, `EVENT_IDX`,
   * `RING_RESET`, `VERSION_1`.
   */
  readonly offered: ReadonlySet<string>
  readonly negotiated: ReadonlySet<string>
  /** The driver broke a rule and the device has stopped. */
  readonly broken: boolean
  /** Status bits: `ACKNOWLEDGE`, `DRIVER`, `FEATURES_OK`, `DRIVER_OK`, … */
  readonly status: ReadonlySet<string>
  readonly queueCount: number
}

/** The device whose QOM path holds `deviceId`, e.g. `nic0`. */
export async function viewVirtioDevice(
  qmp: QmpClient,
  deviceId: string,
): Promise<VirtioDeviceView> {
  const devices = await qmp.execute('x-query-virtio')
  const device = devices.find(({ path }) => path.split('/').includes(deviceId))
  if (device === undefined) {
    const known = devices.map(({ path }) => path).join(', ')
    throw new Error(`Cannot view virtio device ${deviceId}: QEMU has only ${known || 'none'}`)
  }
  return viewDevice(qmp, device)
}

/** Every virtio device there is, with its queues as far as the driver has set them up. */
export async function viewAllVirtio(
  qmp: QmpClient,
): Promise<(VirtioDeviceView & { readonly queues: readonly VirtioQueueView[] })[]> {
  const views = []
  for (const device of await qmp.execute('x-query-virtio')) {
    const view = await viewDevice(qmp, device)
    const queues: VirtioQueueView[] = []
    for (let index = 0; index < view.queueCount; index++) {
      // QEMU refuses to show a queue that does not exist, and says so: that is the end of them.
      const queue = await viewVirtioQueue(qmp, view.path, index).catch(() => undefined)
      if (queue === undefined) break
      queues.push(queue)
    }
    views.push({ ...view, queues })
  }
  return views
}

async function viewDevice(
  qmp: QmpClient,
  { path, name }: { path: string; name: string },
): Promise<VirtioDeviceView> {
  const status = await qmp.execute('x-query-virtio-status', { path })
  return {
    path,
    name,
    offered: featureNames(status['host-features']),
    negotiated: featureNames(status['guest-features']),
    broken: status.broken,
    status: new Set(status.status.statuses.map((text) => bareName(text, 'VIRTIO_CONFIG_S_'))),
    queueCount: status['num-vqs'],
  }
}

export async function viewVirtioQueue(
  qmp: QmpClient,
  devicePath: string,
  queue: number,
): Promise<VirtioQueueView> {
  const status = await qmp.execute('x-query-virtio-queue-status', { path: devicePath, queue })
  return {
    index: queue,
    size: status['vring-num'],
    lastAvailableIndex: status['last-avail-idx'] ?? 0,
    usedIndex: status['used-idx'],
    inUse: status.inuse,
  }
}

function featureNames(features: FeatureList): Set<string> {
  const named = [...(features['dev-features'] ?? []), ...features.transports].map((text) =>
    bareName(text, /^VIRTIO_(NET_|RING_|BLK_|RNG_)?F_/),
  )
  return new Set([...named, ...unnamedFeatures(features['unknown-dev-features'] ?? 0)])
}

/** Names for the bits of a number; `bit 63` for one that has none. */
function unnamedFeatures(bits: number): string[] {
  const names: string[] = []
  for (let rest = BigInt(bits), bit = 0; rest !== 0n; rest >>= 1n, bit++) {
    if ((rest & 1n) === 1n) names.push(TRANSPORT_FEATURES[bit] ?? `bit ${bit}`)
  }
  return names
}

/** "VIRTIO_NET_F_CSUM: Device handles packets…" to "CSUM". */
function bareName(text: string, prefix: string | RegExp): string {
  return (text.split(':')[0] ?? text).replace(prefix, '')
}
