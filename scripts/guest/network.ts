/** The network of a run: a TAP in a private namespace, or user-mode networking. */
import { NamespaceError, type NetworkOptions, Topology } from 'qemu-runner'
import type { RunOptions } from './options.ts'
import { HTTP_PORT } from './ready-event.ts'
import { RunError } from './run-error.ts'

export interface RunNetwork {
  readonly kind: 'tap' | 'user'
  /** For people: what this is and, on the fallback, why; the report says what is lost. */
  readonly description: readonly string[]
  /** Present on a TAP. */
  readonly topology: Topology | undefined
  /** Static addresses for the guest's command line. */
  readonly guestAppend: Readonly<Record<string, string>>
  /** QEMU's back end for one guest. */
  backEnd(capture?: { path: string; maxBytes?: number }): NetworkOptions
  close(): Promise<void>
}

/** The first address that QEMU's user-mode network would lease. */
const GUEST_ADDRESS = '10.0.2.15'

/** Throws RunError when what was asked for takes a TAP and none can be had. */
export async function createNetwork(options: RunOptions): Promise<RunNetwork> {
  const { queuePairs } = options
  if (options.network === 'user') return userNetwork(options, ['user-mode networking, asked for'])
  try {
    return tapNetwork(await Topology.direct({ tapQueues: queuePairs }), queuePairs)
  } catch (error) {
    const cause = (error as Error).message
    if (options.network === 'tap' || queuePairs > 1) {
      const otherwise = queuePairs > 1 ? 'leave QUEUES= out' : 'use NET=user'
      const advice =
        error instanceof NamespaceError
          ? `run as root, allow unprivileged user namespaces, or ${otherwise}`
          : `see the cause, or ${otherwise}`
      throw new RunError(`Cannot have a TAP: ${cause.replace('Cannot create a TAP: ', '')}`, advice)
    }
    return userNetwork(options, [
      'user-mode networking, since no TAP can be had here:',
      ...cause.split('\n').map((line) => `  ${line.trim()}`),
    ])
  }
}

function tapNetwork(topology: Topology, queuePairs: number): RunNetwork {
  const who = topology.near.privilege === 'root' ? 'root' : 'an unprivileged user namespace'
  return {
    kind: 'tap',
    description: [`tap0 in a private network namespace (${who}), host ${topology.peerAddress4}`],
    topology,
    guestAppend: topology.guestAppend,
    backEnd: () => ({
      ...{ kind: 'tap', namespace: topology.near, interfaceName: 'tap0' },
      ...(queuePairs > 1 ? { queues: queuePairs, device: { mq: true } } : {}),
    }),
    close: () => topology.close(),
  }
}

function userNetwork(options: RunOptions, description: readonly string[]): RunNetwork {
  return {
    kind: 'user',
    description,
    topology: undefined,
    guestAppend: {
      ip: `${GUEST_ADDRESS}/24`,
      gateway: '10.0.2.2',
      ip6: 'fec0::15/64',
      gateway6: 'fec0::2',
    },
    backEnd: (capture) => ({
      kind: 'user',
      guestAddress: /^[0-9.]+/.exec(options.guest.ip ?? '')?.[0] ?? GUEST_ADDRESS,
      // For the proof; a person is led to the guest by user-relay.ts.
      forwards: [{ protocol: 'tcp', guestPort: HTTP_PORT, hostPort: 0 }],
      ...(capture === undefined ? {} : { capture }),
    }),
    close: async () => undefined,
  }
}
