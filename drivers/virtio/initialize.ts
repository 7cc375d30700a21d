/** The order in which a virtio device is brought up (virtio 1.4 §3.1.1), with deadlines. */
import type { Hal } from '../hal.ts'
import { acceptsVersion1, type Negotiation } from './negotiate.ts'
import { DeviceStatus, type VirtioTransport } from './transport.ts'
import { VirtioError } from './virtio-error.ts'

/** A device that needs longer for a reset is taken to be dead. */
const RESET_DEADLINE_NS = 1_000_000_000
/** Bound for a platform whose clock stands still. */
const MAX_RESET_POLLS = 10_000_000
const MAX_CONFIG_READS = 16

/** Writes 0 to the status and waits until the device says 0 (§4.1.4.3.2). */
export function resetDevice(hal: Hal, transport: VirtioTransport): void {
  transport.writeStatus(0)
  const deadlineNs = hal.monotonicNs() + RESET_DEADLINE_NS
  for (let polls = 0; transport.readStatus() !== 0; polls++) {
    if (polls === 0 && !transport.isPresent()) {
      throw new VirtioError(`Cannot reset virtio device ${transport.address}: it is gone`)
    }
    if (polls >= MAX_RESET_POLLS || hal.monotonicNs() > deadlineNs) {
      throw new VirtioError(
        `Cannot reset virtio device ${transport.address}: status is still 0x${transport.readStatus().toString(16)}`,
      )
    }
  }
}

/**
 * Steps 1 to 6: reset, ACKNOWLEDGE, DRIVER, features, FEATURES_OK. `negotiate` may read
 * configuration space. Queues, vectors and `setDriverOk` follow.
 */
export function negotiateWithDevice(
  hal: Hal,
  transport: VirtioTransport,
  negotiate: (offered: bigint) => Negotiation,
): Negotiation {
  resetDevice(hal, transport)
  addStatus(transport, DeviceStatus.Acknowledge)
  addStatus(transport, DeviceStatus.Driver)
  const negotiation = orFail(transport, () => negotiate(transport.readDeviceFeatures()))
  if (!acceptsVersion1(negotiation)) {
    return fail(transport, 'it does not offer VERSION_1')
  }
  transport.writeDriverFeatures(negotiation.accepted)
  addStatus(transport, DeviceStatus.FeaturesOk)
  if ((transport.readStatus() & DeviceStatus.FeaturesOk) === 0) {
    return fail(transport, 'it does not accept the features chosen')
  }
  return negotiation
}

/** Step 8: the device is live; notifications are allowed from here on. */
export function setDriverOk(transport: VirtioTransport): void {
  addStatus(transport, DeviceStatus.DriverOk)
}

/** Sets FAILED and throws. */
export function fail(transport: VirtioTransport, reason: string): never {
  addStatus(transport, DeviceStatus.Failed)
  throw new VirtioError(`Cannot use virtio device ${transport.address}: ${reason}`)
}

/**
 * Runs a step of the set-up; what it throws leaves the device FAILED (§3.1.1: "If any of these
 * steps go irrecoverably wrong").
 */
export function orFail<T>(transport: VirtioTransport, step: () => T): T {
  try {
    return step()
  } catch (error) {
    addStatus(transport, DeviceStatus.Failed)
    throw error
  }
}

/**
 * Repeats a read of several fields until none changed meanwhile (§2.5.1); throws when that never
 * happens.
 */
export function readConsistently<T>(transport: VirtioTransport, read: () => T): T {
  for (let attempt = 0; attempt < MAX_CONFIG_READS; attempt++) {
    const before = transport.readConfigGeneration()
    const value = read()
    if (transport.readConfigGeneration() === before) return value
  }
  throw new VirtioError(
    `Cannot read the configuration of virtio device ${transport.address}: it changes all the time`,
  )
}

/** Only ever adds bits: "The driver MUST NOT clear a device status bit" (§2.1.1). */
function addStatus(transport: VirtioTransport, bit: number): void {
  transport.writeStatus(transport.readStatus() | bit)
}
