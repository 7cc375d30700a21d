/**
 * What QEMU says of a virtio device, in the specification's names, whatever its version calls or
 * does not call them.
 */
import { describe, expect, it } from 'vitest'
import type { QmpClient } from '../src/qmp/client.ts'
import { viewVirtioDevice } from '../src/virtio-view.ts'

/** A monitor with one network device. */
function monitorShowing(features: unknown): QmpClient {
  const answers: Record<string, unknown> = {
    'x-query-virtio': [{ path: '/machine/peripheral/nic0/virtio-backend', name: 'virtio-net' }],
    'x-query-virtio-status': {
      'host-features': features,
      'guest-features': { transports: [] },
      broken: false,
      status: { statuses: ['VIRTIO_CONFIG_S_DRIVER_OK: Driver setup and ready'] },
      'num-vqs': 3,
    },
  }
  return { execute: async (command: string) => answers[command] } as unknown as QmpClient
}

describe('features', () => {
  it('have the names of the specification, without prefix', async () => {
    const device = await viewVirtioDevice(
      monitorShowing({
        'dev-features': ['VIRTIO_NET_F_CSUM: Device handles packets with partial checksum'],
        transports: [
          'VIRTIO_RING_F_EVENT_IDX: Used & avail. event fields enabled',
          'VIRTIO_F_RING_RESET: Driver can reset a queue individually',
        ],
      }),
      'nic0',
    )
    expect([...device.offered]).toEqual(['CSUM', 'EVENT_IDX', 'RING_RESET'])
    expect([...device.status]).toEqual(['DRIVER_OK'])
  })

  it('that this QEMU has no names for are read from their bits (virtio 1.3, §6)', async () => {
    const bits = 2 ** 40 + 2 ** 38 + 2 ** 45
    const device = await viewVirtioDevice(
      monitorShowing({ transports: [], 'unknown-dev-features': bits }),
      'nic0',
    )
    expect([...device.offered]).toEqual(['NOTIFICATION_DATA', 'RING_RESET', 'bit 45'])
  })
})
