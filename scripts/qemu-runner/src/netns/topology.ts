/**
 * Networks around a guest's TAP: direct, routed, bridged and relayed, all but the first with
 * software segmentation behind.
 */
import { accessSync, constants } from 'node:fs'
import { requireExecutable } from '../executables.ts'
import { Relay } from '../relay/relay.ts'
import { NamespaceError, type NamespacePrivilege, NetworkNamespace } from './network-namespace.ts'

/** Addresses are the same in every topology; the namespaces are private, so they cannot clash. */
export const GUEST_ADDRESS4 = '10.0.0.2'
export const GUEST_ADDRESS6 = 'fd00::2'
const HOST_ADDRESS4 = '10.0.0.1'
const HOST_ADDRESS6 = 'fd00::1'
/** Of the Linux host in the guest's place (relayed). */
export const TWIN_ADDRESS4 = '10.0.0.3'
export const TWIN_ADDRESS6 = 'fd00::3'
const FAR_ADDRESS4 = '10.0.1.2'
const FAR_ADDRESS6 = 'fd01::2'
const ROUTER_ADDRESS4 = '10.0.1.1'
const ROUTER_ADDRESS6 = 'fd01::1'

export interface TopologyOptions {
  privilege?: NamespacePrivilege
  /** MTU of the link behind the TAP, both ends (routed and bridged). Default 1500. */
  farMtu?: number
  /** MTU of the TAP itself. Default 1500. */
  tapMtu?: number
  /** Pairs of queues of the TAP, for `queues` of a TapNetwork. Default 1. */
  tapQueues?: number
}

export interface CapturePoint {
  readonly namespace: NetworkNamespace
  readonly interfaceName: string
}

export class Topology {
  readonly kind: 'direct' | 'routed' | 'bridged' | 'relayed'
  /** Where QEMU runs and the TAP is. */
  readonly near: NetworkNamespace
  /** Where the peer's programs run. The same as `near` in the direct topology. */
  readonly far: NetworkNamespace
  readonly tap: CapturePoint
  /**
   * The interface through which the peer hears the guest: behind software segmentation, unless
   * direct.
   */
  readonly wire: CapturePoint
  readonly peerAddress4: string
  readonly peerAddress6: string
  /** Relayed only: what all packets between the guest's side and the far end pass. */
  readonly relay: Relay | undefined
  /**
   * Relayed only: a Linux host in the guest's place, behind the same bridge, segmentation and
   * relay.
   */
  readonly twin: NetworkNamespace | undefined
  /** Static configuration for the guest's kernel command line. */
  readonly guestAppend: Readonly<Record<string, string>>

  private constructor(
    kind: Topology['kind'],
    near: NetworkNamespace,
    far: NetworkNamespace,
    peer: { address4: string; address6: string; relay?: Relay; twin?: NetworkNamespace },
  ) {
    this.kind = kind
    this.near = near
    this.far = far
    this.relay = peer.relay
    this.twin = peer.twin
    this.tap = { namespace: near, interfaceName: 'tap0' }
    this.wire =
      kind === 'direct' ? this.tap : { namespace: far, interfaceName: FAR_INTERFACE[kind] }
    this.peerAddress4 = peer.address4
    this.peerAddress6 = peer.address6
    this.guestAppend = {
      ip: `${GUEST_ADDRESS4}/24`,
      gateway: HOST_ADDRESS4,
      ip6: `${GUEST_ADDRESS6}/64`,
      gateway6: HOST_ADDRESS6,
    }
  }

  /** The namespace's own kernel is the guest's neighbor. */
  static async direct(options: TopologyOptions = {}): Promise<Topology> {
    requireTun()
    const near = await NetworkNamespace.create({ label: 'host', ...privilegeOf(options) })
    await orClose([near], () =>
      near.script(`
${createTap(options)}
ip addr add ${HOST_ADDRESS4}/24 dev tap0
ip addr add ${HOST_ADDRESS6}/64 dev tap0 nodad
`),
    )
    return new Topology('direct', near, near, { address4: HOST_ADDRESS4, address6: HOST_ADDRESS6 })
  }

  /** tap0 and va forward; vb is in a second namespace. va segments and checksums in software. */
  static async routed(options: TopologyOptions = {}): Promise<Topology> {
    requireTun()
    requireExecutable('ethtool')
    const near = await NetworkNamespace.create({ label: 'router', ...privilegeOf(options) })
    return orClose([near], async () => {
      const far = await NetworkNamespace.create({ label: 'far', beside: near })
      return orClose([far], async () => {
        await near.script(`
${createTap(options)}
${createVeth(far, options)}
ip addr add ${HOST_ADDRESS4}/24 dev tap0
ip addr add ${HOST_ADDRESS6}/64 dev tap0 nodad
ip addr add ${ROUTER_ADDRESS4}/24 dev va
ip addr add ${ROUTER_ADDRESS6}/64 dev va nodad
echo 1 > /proc/sys/net/ipv4/ip_forward
echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
`)
        await far.script(`
${raiseFarEnd(options)}
ip addr add ${FAR_ADDRESS4}/24 dev vb
ip addr add ${FAR_ADDRESS6}/64 dev vb nodad
ip route add default via ${ROUTER_ADDRESS4} dev vb
ip -6 route add default via ${ROUTER_ADDRESS6} dev vb
`)
        return new Topology('routed', near, far, { address4: FAR_ADDRESS4, address6: FAR_ADDRESS6 })
      })
    })
  }

  /** tap0 and va are ports of a bridge; vb is in a second namespace, on the guest's own subnet. */
  static async bridged(options: TopologyOptions = {}): Promise<Topology> {
    requireTun()
    requireExecutable('ethtool')
    const near = await NetworkNamespace.create({ label: 'bridge', ...privilegeOf(options) })
    return orClose([near], async () => {
      const far = await NetworkNamespace.create({ label: 'far', beside: near })
      return orClose([far], async () => {
        await near.script(`
${createTap(options)}
${createVeth(far, options)}
ip link add br0 type bridge forward_delay 0 stp_state 0
ip link set tap0 master br0
ip link set va master br0
ip link set br0 up
`)
        await far.script(`
${raiseFarEnd(options)}
ip addr add ${HOST_ADDRESS4}/24 dev vb
ip addr add ${HOST_ADDRESS6}/64 dev vb nodad
`)
        return new Topology('bridged', near, far, {
          address4: HOST_ADDRESS4,
          address6: HOST_ADDRESS6,
        })
      })
    })
  }

  /**
   * tap0 and a Linux twin's veth are ports of a bridge, whose third port is a relay; the far end is
   * behind that, on the guest's own subnet. The relay gets single packets: the kernel segments on
   * the way into it, for guest and twin alike.
   */
  static async relayed(options: TopologyOptions = {}): Promise<Topology> {
    requireTun()
    const near = await NetworkNamespace.create({ label: 'bridge', ...privilegeOf(options) })
    const opened: Closable[] = [near]
    return orClose(opened, async () => {
      const beside = async (label: string): Promise<NetworkNamespace> => {
        const namespace = await NetworkNamespace.create({ label, beside: near })
        opened.unshift(namespace)
        return namespace
      }
      const far = await beside('far')
      const twin = await beside('twin')
      const mtu = options.farMtu ?? 1500
      // Whoever has no address has nothing to say by itself: each frame at the relay is somebody's
      // traffic.
      await near.script(`
echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6
echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6
${createTap(options)}
ip link add br0 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
ip link add va type veth peer name vt netns ${twin.pid}
ip link set tap0 txqueuelen ${RELAY_QUEUE_FRAMES} master br0
ip link set va mtu ${mtu} master br0 up
`)
      // Its TAPs go when it goes, which is when a namespace does.
      const relay = await Relay.start(near, ['ra', 'rb'])
      opened.unshift(relay)
      await near.script(`
ip link set rb netns ${far.pid}
ip link set ra mtu ${mtu} txqueuelen ${RELAY_QUEUE_FRAMES} master br0 up
ip link set br0 up
`)
      await far.script(`
${SETTLE_TCP}
ip link set rb mtu ${mtu} txqueuelen ${RELAY_QUEUE_FRAMES} up
ip addr add ${HOST_ADDRESS4}/24 dev rb
ip addr add ${HOST_ADDRESS6}/64 dev rb nodad
${routes('rb', HOST_ADDRESS4, CUBIC)}
`)
      await twin.script(`
${SETTLE_TCP}
ip link set vt mtu ${mtu} up
ip addr add ${TWIN_ADDRESS4}/24 dev vt
ip addr add ${TWIN_ADDRESS6}/64 dev vt nodad
${routes('vt', TWIN_ADDRESS4, CUBIC)}
`)
      const addresses = { address4: HOST_ADDRESS4, address6: HOST_ADDRESS6 }
      return new Topology('relayed', near, far, { ...addresses, relay, twin })
    })
  }

  /**
   * Makes the peer announce this MSS (route metric `advmss`), whatever its MTU. The kernel keeps it
   * at or above 536 for IPv4 (`net.ipv4.route.min_adv_mss` lowers that) and 1220 for IPv6.
   */
  async announceMss(mss: number): Promise<void> {
    if (this.kind === 'routed') {
      await this.far.script(`
ip route replace default via ${ROUTER_ADDRESS4} dev vb advmss ${mss}
ip -6 route replace default via ${ROUTER_ADDRESS6} dev vb advmss ${mss}
`)
      return
    }
    const metrics = this.kind === 'relayed' ? `${CUBIC} advmss ${mss}` : `advmss ${mss}`
    await this.far.script(routes(this.wire.interfaceName, HOST_ADDRESS4, metrics))
  }

  async close(): Promise<void> {
    await this.relay?.close()
    await this.twin?.close()
    if (this.far !== this.near) await this.far.close()
    await this.near.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

const FAR_INTERFACE = { routed: 'vb', bridged: 'vb', relayed: 'rb' } as const

/**
 * A relay that does not run for a moment must not be what loses frames, nor the TAP of a guest that
 * is slower than a burst: the twin's veth has no queue.
 */
const RELAY_QUEUE_FRAMES = 10_000

/**
 * What Linux does by default, whatever this machine has set, so that figures are comparable: SACK
 * with its companions, buffers up to 6 and 4 MiB, and nothing remembered of earlier connections.
 */
const SETTLE_TCP = `cd /proc/sys/net/ipv4
for name in tcp_sack tcp_dsack tcp_timestamps tcp_window_scaling tcp_moderate_rcvbuf tcp_no_metrics_save; do
  echo 1 > $name
done
echo 4096 131072 6291456 > tcp_rmem
echo 4096 16384 4194304 > tcp_wmem`

/**
 * A namespace may make CUBIC its default only where the machine allows it to everybody, which one
 * with another default does not; a route may name it anywhere.
 */
const CUBIC = 'congctl cubic'

/** The routes to the guest's own subnet, with these metrics. */
function routes(device: string, source: string, metrics: string): string {
  return `ip route replace 10.0.0.0/24 dev ${device} proto kernel scope link src ${source} ${metrics}
ip -6 route replace fd00::/64 dev ${device} proto kernel metric 256 ${metrics}`
}

const TUN_DEVICE = '/dev/net/tun'

/** Says what is wrong in words, where `ip` would only say "Permission denied". */
export function requireTun(): void {
  try {
    accessSync(TUN_DEVICE, constants.R_OK | constants.W_OK)
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new NamespaceError(
      isMissing
        ? `Cannot create a TAP: ${TUN_DEVICE} does not exist; as root: modprobe tun`
        : `Cannot create a TAP: ${TUN_DEVICE} may not be opened by this user; as root: chmod 0666 ${TUN_DEVICE}`,
    )
  }
}

function privilegeOf(options: TopologyOptions): { privilege?: NamespacePrivilege } {
  return options.privilege === undefined ? {} : { privilege: options.privilege }
}

function createTap(options: TopologyOptions): string {
  return `ip tuntap add dev tap0 mode tap vnet_hdr${(options.tapQueues ?? 1) > 1 ? ' multi_queue' : ''}
ip link set tap0 mtu ${options.tapMtu ?? 1500} up`
}

/**
 * Without tx and sg the kernel must segment and checksum before va: what a real wire would carry.
 */
function createVeth(far: NetworkNamespace, options: TopologyOptions): string {
  const mtu = options.farMtu ?? 1500
  return `ip link add va type veth peer name vb netns ${far.pid}
ip link set va mtu ${mtu} up
ethtool -K va tso off gso off tx off sg off > /dev/null 2>&1`
}

function raiseFarEnd(options: TopologyOptions): string {
  return `ip link set vb mtu ${options.farMtu ?? 1500} up
ethtool -K vb gro off > /dev/null 2>&1`
}

interface Closable {
  close(): Promise<void>
}

/** Closes what is open, in this order, when `work` fails, so that half a network does not stay. */
async function orClose<T>(opened: readonly Closable[], work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    for (const one of opened) await one.close()
    throw error
  }
}
