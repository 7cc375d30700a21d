/**
 * The date of a management controller comes whole through its KCS interface, or not at all: what
 * breaks the protocol is left alone from then on.
 */
import { expect, it } from 'vitest'
import { readEventLogTime } from '../../../../drivers/ipmi/event-log-time.ts'
import { KeyboardControllerStyle } from '../../../../drivers/ipmi/keyboard-controller-style.ts'
import { FakeBmc, type FakeBmcOptions } from '../../../fakes/fake-bmc.ts'
import { FakeHal } from '../../../fakes/fake-hal.ts'

const SECONDS = Date.UTC(2026, 10, 29, 13, 40) / 1000

function machine(options: FakeBmcOptions) {
  const hal = new FakeHal()
  const bmc = new FakeBmc(hal, options)
  return { bmc, hal, interface: KeyboardControllerStyle.find(hal)! }
}

it.each([0, 1, 5])(
  'IPMI 2.0 §31.10: Get SEL Time tells seconds since 1970, from a controller that takes %i looks a byte',
  (slowness) => {
    const { interface: kcs, bmc } = machine({ seconds: () => SECONDS, slowness })
    expect(readEventLogTime(kcs)).toBe(SECONDS)
    expect(readEventLogTime(kcs)).toBe(SECONDS)
    expect(bmc.requests).toEqual([
      [0x28, 0x48],
      [0x28, 0x48],
    ])
  },
)

it.each([
  ['§37: "0xFFFFFFFF indicates an invalid or unspecified time value"', () => 0xffffffff],
  ['§37: up to 0x20000000 the controller counts from its own start', () => 0x20000000],
])('%s, which is no date', (_, seconds) => {
  expect(readEventLogTime(machine({ seconds }).interface)).toBeNull()
})

it.each([
  ['a completion code other than 0', [0x2c, 0x48, 0xc1, 1, 2, 3, 100]],
  ['an answer to another command', [0x2c, 0x43, 0, 1, 2, 3, 100]],
  ['an answer of another network function', [0x28, 0x48, 0, 1, 2, 3, 100]],
  ['one that is too short', [0x2c, 0x48, 0, 1, 2, 3]],
  ['one that is too long', [0x2c, 0x48, 0, 1, 2, 3, 100, 100]],
  ['none', []],
])('%s is no date', (_, response) => {
  expect(readEventLogTime(machine({ answer: () => [...response] }).interface)).toBeNull()
})

it('a machine without a controller has none', () => {
  expect(KeyboardControllerStyle.find(new FakeHal())).toBeNull()
})

it.each([
  ['takes nothing', { isSilent: true }],
  ['goes into its error state', { fails: true }],
  ['never comes to an end', { answer: () => Array<number>(100).fill(0x2c) }],
] as const)('a controller that %s holds nobody up for more than 5 ms, and once', (_, options) => {
  const { interface: kcs, bmc, hal } = machine(options)
  const beganNs = hal.monotonicNs()
  expect(readEventLogTime(kcs)).toBeNull()
  expect(hal.monotonicNs() - beganNs).toBeLessThan(6e6)
  const asked = bmc.requests.length
  expect(readEventLogTime(kcs)).toBeNull()
  expect(bmc.requests).toHaveLength(asked)
})
