/** Hostile inputs that leave connections half open: many, from peers that nobody finds. */
import { tcp } from '../../support/frames.ts'
import { GUEST6, type HostileInput, inputs, isIpv6Of, six, times } from './hostile-input.ts'

/**
 * Thousands of half-open connections whose peers nobody finds must cost others nothing; each
 * SYN-ACK may come six times.
 */
export const HALF_OPEN_INPUTS: HostileInput[] = inputs('ping6', [
  [
    67,
    'SYNs of 2,000 IPv6 neighbors that do not answer',
    () =>
      times(2_000, (index) => {
        const source = `fd00::1:${(index + 1).toString(16)}`
        return six({ source, nextHeader: 6 }, tcp(source, GUEST6, 2))
      }),
    {
      isUncounted: true,
      answer: {
        name: 'a SYN-ACK',
        matches: (frame) => isIpv6Of(6, frame),
        isOptional: true,
        atMost: 12_000,
      },
    },
  ],
])
