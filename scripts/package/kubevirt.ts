/**
 * A KubeVirt VirtualMachineInstance that boots the image and the app from a kernel boot container.
 */
import { FILES, type GuestDescription } from './libvirt.ts'

const GRACE_SECONDS = 20

/** `image` is where the OCI image of the package was pushed to. */
export function virtualMachineInstance(guest: GuestDescription, image: string): object {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name: dnsLabel(guest.name), labels: { app: dnsLabel(guest.name) } },
    spec: {
      terminationGracePeriodSeconds: GRACE_SECONDS,
      domain: {
        cpu: { cores: 1, model: 'host-passthrough' },
        memory: { guest: `${guest.memoryMiB}Mi` },
        machine: { type: 'q35' },
        firmware: {
          kernelBoot: {
            kernelArgs: guest.commandLine,
            container: {
              image,
              kernelPath: `/boot/${FILES.image}`,
              initrdPath: `/boot/${FILES.app}`,
            },
          },
        },
        devices: {
          interfaces: [{ name: 'default', model: 'virtio', masquerade: {}, ports: [{ port: 80 }] }],
          rng: {},
        },
      },
      networks: [{ name: 'default', pod: {} }],
      readinessProbe: { tcpSocket: { port: 80 }, periodSeconds: 5, timeoutSeconds: 2 },
    },
  }
}

/** What Kubernetes takes as a name (RFC 1123). */
function dnsLabel(name: string): string {
  const label = name
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
  return label.slice(0, 63) || 'eremite'
}
