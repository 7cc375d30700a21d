/** Seeds the generator at boot from every source there is, or says that there is none. */
import type { Hal } from '../../drivers/hal.ts'
import type { Platform } from '../hal/platform.ts'
import type { Logger } from '../logger.ts'
import type { TimerQueue } from '../timer-queue.ts'
import { EntropyPool, type EntropySource } from './entropy-pool.ts'
import { keepReseeding } from './reseed.ts'

export interface EntropyParts {
  readonly hal: Hal
  readonly platform: Pick<Platform, 'encodeUtf8' | 'monotonicNs' | 'startDigest' | 'digestBlocks'>
  readonly timers: TimerQueue
  readonly log: Logger
  readonly devices: readonly EntropySource[]
  /** What differs from boot to boot, mixed in without being counted as random. */
  readonly facts: string
}

export const NO_ENTROPY =
  'no source of randomness, so no network: ' +
  'give the machine -device virtio-rng-pci or a processor with RDRAND (-cpu max)'

/** Null when no real source has delivered: nothing may then depend on random numbers. */
export function gatherEntropy(parts: EntropyParts): EntropyPool | null {
  const { hal, platform, log, facts } = parts
  const pool = new EntropyPool(hal, parts.devices, platform)
  const bytes = new Uint8Array(facts.length * 3)
  platform.encodeUtf8(facts, bytes, 0)
  if (!pool.seed(bytes)) {
    log.error(NO_ENTROPY)
    return null
  }
  log.info(`seeded from ${pool.sources.join(' and ')}`)
  keepReseeding(pool, parts.timers, platform)
  return pool
}
