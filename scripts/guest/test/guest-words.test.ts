/**
 * What a person asks for goes over what the network hands out, and takes away what does not fit it.
 */
import { expect, it } from 'vitest'
import { guestWords } from '../guest-words.ts'

const HANDED_OUT = {
  ip: '10.0.0.2/24',
  gateway: '10.0.0.1',
  ip6: 'fd00::2/64',
  gateway6: 'fd00::1',
}

it('keeps gateways only beside static addresses', () => {
  expect(guestWords(HANDED_OUT, {})).toEqual(HANDED_OUT)
  expect(guestWords(HANDED_OUT, { ip: '10.0.0.7/24', log: 'debug' })).toEqual({
    ...HANDED_OUT,
    ...{ ip: '10.0.0.7/24', log: 'debug' },
  })
  expect(guestWords(HANDED_OUT, { ip: 'dhcp', ip6: 'slaac' })).toEqual({ ip: 'dhcp', ip6: 'slaac' })
  expect(guestWords(HANDED_OUT, { ip: 'off', ip6: 'off' })).toEqual({ ip: 'off', ip6: 'off' })
})

it('leaves a mistake of a person for the guest to name', () => {
  expect(guestWords(HANDED_OUT, { ip: 'dhcp', gateway: '10.0.0.9' }).gateway).toBe('10.0.0.9')
})
