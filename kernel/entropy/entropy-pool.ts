/**
 * Where randomness comes from: hardware and device sources, with clock jitter and boot facts mixed
 * in.
 */
import type { Hal } from '../../drivers/hal.ts'
import { RandomGenerator } from './generator.ts'
import type { DigestNatives } from './sha256.ts'

/** A source that alone may seed the generator: 32 bytes of it are 256 bits nobody else knows. */
export interface EntropySource {
  readonly name: string
  /**
   * Fills all of `target`; false when the source is absent or failed. May take some milliseconds.
   */
  collect(target: Uint8Array): boolean
}

const BYTES_PER_SOURCE = 48
const JITTER_SAMPLES = 24

/** Reseed at the latest after this long, and after this many batches of 56 numbers. */
const RESEED_INTERVAL_NS = 300e9
const RESEED_BATCHES = 1024

export class EntropyPool {
  readonly generator: RandomGenerator
  /** Names of the sources that delivered at the last reseed. */
  sources: readonly string[] = []
  reseeds = 0
  private readonly hal: Pick<Hal, 'hardwareRandom' | 'timestampCounter' | 'monotonicNs'>
  private readonly devices: readonly EntropySource[]
  private lastReseedNs = 0

  constructor(
    hal: Pick<Hal, 'hardwareRandom' | 'timestampCounter' | 'monotonicNs'>,
    devices: readonly EntropySource[],
    natives: DigestNatives,
  ) {
    this.hal = hal
    this.generator = new RandomGenerator(natives)
    this.devices = devices
  }

  /**
   * First seed. `facts` are bytes that differ between machines and runs; they are mixed in and
   * never counted on. False when no real source delivered: the generator must not be used then.
   */
  seed(facts: Uint8Array): boolean {
    this.generator.reseed(facts)
    return this.reseed()
  }

  /** Mixes in fresh entropy, in one hash; false when no real source delivered this time. */
  reseed(): boolean {
    const delivered: string[] = []
    const pool = new Uint8Array((1 + this.devices.length) * BYTES_PER_SOURCE + 4 * JITTER_SAMPLES)
    const fromCpu = pool.subarray(0, BYTES_PER_SOURCE)
    if (this.hal.hardwareRandom(pool, 0, BYTES_PER_SOURCE) && isPlausible(fromCpu)) {
      delivered.push('cpu')
    }
    let offset = BYTES_PER_SOURCE
    for (const device of this.devices) {
      const fromDevice = pool.subarray(offset, offset + BYTES_PER_SOURCE)
      if (device.collect(fromDevice) && isPlausible(fromDevice)) delivered.push(device.name)
      offset += BYTES_PER_SOURCE
    }
    pool.set(this.jitter(), offset)
    this.generator.reseed(pool)
    pool.fill(0)
    this.sources = delivered
    this.lastReseedNs = this.hal.monotonicNs()
    this.reseeds++
    return delivered.length > 0
  }

  /** Cheap; for the event loop. True when a reseed is due. */
  isReseedDue(nowNs: number): boolean {
    return (
      this.generator.batchesSinceReseed >= RESEED_BATCHES ||
      nowNs - this.lastReseedNs >= RESEED_INTERVAL_NS
    )
  }

  /** Low bits of the time-stamp counter around work whose duration varies. */
  private jitter(): Uint8Array {
    const samples = new Uint32Array(JITTER_SAMPLES)
    for (let index = 0; index < JITTER_SAMPLES; index++)
      samples[index] = this.hal.timestampCounter()
    return new Uint8Array(samples.buffer)
  }
}

/** A source stuck at one byte value is broken (conformance: reject all-zero and all-one output). */
function isPlausible(bytes: Uint8Array): boolean {
  return bytes.some((byte) => byte !== bytes[0])
}
