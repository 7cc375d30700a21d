/**
 * Two networks for one guest: each a TAP behind a bridge, with a Linux host of its own at the far
 * end. Both hosts have the same hardware address, so the same link-local one.
 */
import type { NetworkOptions } from '../options.ts'
import { Peer } from '../peer/peer.ts'
import { NetworkNamespace } from './network-namespace.ts'
import { requireTun } from './topology.ts'

export interface SideNetwork {
  /** For the guest's command line, where it is to have addresses by hand. */
  readonly ours: { readonly ipv4: string; readonly ipv6: string }
  /** The host's. */
  readonly peer4: string
  readonly peer6: string
  /** Where QEMU is: `tap0`, `tap1`. */
  readonly tap: string
  readonly far: NetworkNamespace
  readonly peer: Peer
}

export const FAR_MAC = '02:00:00:00:00:09'
export const FAR_LINK_LOCAL = 'fe80::ff:fe00:9'
/** Both hosts have it, as if they were routers that lead there. */
export const ANYWHERE = '192.0.2.9'

export class TwoNetworks {
  readonly near: NetworkNamespace
  readonly networks: readonly [SideNetwork, SideNetwork]

  private constructor(near: NetworkNamespace, networks: readonly [SideNetwork, SideNetwork]) {
    this.near = near
    this.networks = networks
  }

  static async create(): Promise<TwoNetworks> {
    requireTun()
    const near = await NetworkNamespace.create({ label: 'taps' })
    const opened: { close(): Promise<void> }[] = [near]
    try {
      const open = async (index: number): Promise<SideNetwork> => {
        const far = await NetworkNamespace.create({ label: `far ${index}`, beside: near })
        opened.unshift(far)
        const [peer4, peer6] = [`10.${index}.0.1`, `fd0${index}::1`]
        // Addresses of near's own would be heard on the captured wire.
        await near.script(`
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
ip tuntap add dev tap${index} mode tap vnet_hdr
ip link add va${index} type veth peer name vb netns ${far.pid}
ip link add br${index} type bridge forward_delay 0 stp_state 0 mcast_snooping 0
ip link set tap${index} master br${index} up
ip link set va${index} master br${index} up
ip link set br${index} up
`)
        await far.script(`
ip link set vb address ${FAR_MAC} up
ip addr add ${peer4}/24 dev vb
ip addr add ${peer6}/64 dev vb nodad
ip addr add ${ANYWHERE}/32 dev lo
ip route add default via 10.${index}.0.2 dev vb
`)
        const peer = await Peer.start(far)
        opened.unshift(peer)
        const ours = { ipv4: `10.${index}.0.2`, ipv6: `fd0${index}::2` }
        return { ours, peer4, peer6, tap: `tap${index}`, far, peer }
      }
      return new TwoNetworks(near, [await open(0), await open(1)])
    } catch (error) {
      for (const one of opened) await one.close()
      throw error
    }
  }

  /** For the guest's `network`: a device on each, in their order. */
  devices(transport: 'pci' | 'mmio' = 'pci'): NetworkOptions[] {
    return this.networks.map(({ tap }) => ({
      ...{ kind: 'tap' as const, namespace: this.near, interfaceName: tap },
      device: { transport },
    }))
  }

  async close(): Promise<void> {
    for (const { peer, far } of this.networks) {
      await peer.close()
      await far.close()
    }
    await this.near.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
