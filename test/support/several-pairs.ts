/** A network device of several pairs of queues, brought up, and what tests ask of one. */
import type { FakeMachineOptions } from '../fakes/fake-machine.ts'
import { DEFAULT_NET_FEATURES, type NetFeatureName } from '../fakes/fake-virtio-net.ts'
import { createReceivedFrame, type OpenNet, openNet } from '../fakes/open-devices.ts'

/** Commands, by class and number (virtio 1.4 §5.1.6.5.6, §5.1.6.5.7). */
export const VQ_PAIRS_SET = '4.0'
export const RSS_CONFIG = '4.1'

/** With the number of pairs to be said, and with flows spread as the driver says. */
export const MQ: readonly NetFeatureName[] = [...DEFAULT_NET_FEATURES, 'MQ']
export const RSS: readonly NetFeatureName[] = [...MQ, 'RSS']

export interface PairsRequest extends FakeMachineOptions {
  /** The word `queues=`. */
  readonly wanted?: number | null
  readonly steeringKey?: Uint8Array | null
}

/** Of four pairs and MQ, where nothing else is said. */
export function openPairs(request: PairsRequest = {}): OpenNet {
  const { wanted = null, steeringKey = null, ...options } = request
  return openNet({ features: MQ, queuePairs: 4, ...options }, null, null, wanted, steeringKey)
}

/** What the driver has asked of them, in order. */
export function pairCommandsOf({ device }: OpenNet): string[] {
  return device.control.commands.filter((name) => name.startsWith('4.'))
}

/** The pair and the TCP sequence number of each frame that there is. */
export function receiveAll(
  { net }: OpenNet,
  limit = Infinity,
): { pair: number; sequence: number }[] {
  const frame = createReceivedFrame()
  const seen: { pair: number; sequence: number }[] = []
  while (seen.length < limit && net.rx.receive(frame)) {
    const { buffer, offset } = frame.fragments[0]!
    seen.push({ pair: frame.queueIndex, sequence: buffer.view.getUint32(offset + 38) })
    net.rx.release(frame)
  }
  return seen
}

/** A turn as the event loop does it. */
export function turn(open: OpenNet): void {
  open.interrupts.dispatch()
  receiveAll(open)
}
