/** `qemu-runner/vitest`: the fixtures and what their options are made of. */
export { type RunnerFixtures, test } from './fixtures.ts'
export type { GuestNetwork, GuestOptions, TopologyKind } from './guest-options.ts'
export type { FailedTest, FailureBundleOptions } from './report-failure.ts'
