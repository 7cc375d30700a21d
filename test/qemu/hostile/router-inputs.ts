/**
 * Rows 58 to 62 of the corpus: what a router that lies would configure (RFC 4861 §6.3.4, RFC 4862
 * §5.5.3, RFC 8106).
 */
import { be16, be32, concat, ip, mac } from '../../support/frames.ts'
import {
  discovery,
  type HostileInput,
  type InputRow,
  inputs,
  TESTER_MAC,
  times,
} from './hostile-input.ts'

const ROUTER = 'fe80::9'
const ALL_NODES_MAC = '33:33:00:00:00:01'

interface Advertisement {
  readonly hopLimit?: number
  readonly lifetimeSeconds?: number
  readonly source?: string
  readonly options?: readonly ArrayLike<number>[]
}

function advertisement(fields: Advertisement = {}): Uint8Array {
  const { hopLimit = 64, lifetimeSeconds = 0, source = ROUTER, options = [] } = fields
  const body = concat(
    [hopLimit, 0],
    be16(lifetimeSeconds),
    be32(0),
    be32(0),
    [1, 1],
    mac(TESTER_MAC),
    ...options,
  )
  return discovery({ type: 134, source, destination: 'ff02::1', link: ALL_NODES_MAC, body })
}

function prefix(network: string, length: number, valid: number, preferred: number): Uint8Array {
  return concat([3, 4, length, 0xc0], be32(valid), be32(preferred), be32(0), ip(network))
}

const mtu = (value: number) => concat([5, 1, 0, 0], be32(value))

const servers = (length: number, lifetime: number, count: number) =>
  concat(
    [25, length, 0, 0],
    be32(lifetime),
    ...Array.from({ length: count }, (_, index) => ip(`2001:db8::${index + 1}`)),
  )

const prefixes = (
  [
    ['of 0 bits', prefix('2001:db8::', 0, 600, 300)],
    ['of 129 bits', prefix('2001:db8::', 129, 600, 300)],
    ['of 255 bits', prefix('2001:db8::', 255, 600, 300)],
    ['that is link-local', prefix('fe80::', 64, 600, 300)],
    ['that is preferred longer than valid', prefix('2001:db8:1::', 64, 300, 600)],
    ['that is over at once', prefix('2001:db8:2::', 64, 0, 0)],
  ] as const
).map(
  ([name, option]): InputRow => [
    58,
    `a prefix ${name}`,
    () => advertisement({ options: [option] }),
    { isUncounted: true },
  ],
)

/** Each leaves the address that was given and its twin as they were. */
export const ROUTER_INPUTS: HostileInput[] = inputs('ping6', [
  ...prefixes,
  ...[0, 1279, 65_535].map(
    (value): InputRow => [
      59,
      `an MTU of ${value}`,
      () => advertisement({ options: [mtu(value)] }),
      { isUncounted: true },
    ],
  ),
  [
    60,
    '10,000 advertisements of other prefixes by other routers',
    () =>
      times(10_000, (index) =>
        advertisement({
          source: `fe80::1:${(index + 1).toString(16)}`,
          lifetimeSeconds: 1800,
          options: [prefix(`2001:db8:${(index + 1).toString(16)}::`, 64, 1800, 1800)],
        }),
      ),
    { isUncounted: true },
  ],
  [
    61,
    'servers in an option of even length',
    () => advertisement({ options: [concat(servers(4, 600, 1), new Uint8Array(8))] }),
    { isUncounted: true },
  ],
  [
    61,
    '100 servers',
    () => advertisement({ options: [servers(201, 600, 100)] }),
    { isUncounted: true },
  ],
  [
    61,
    'servers that are over at once',
    () => advertisement({ options: [servers(3, 0, 1)] }),
    { isUncounted: true },
  ],
  ...[0, 1].map(
    (hopLimit): InputRow => [
      62,
      `a hop limit of ${hopLimit}`,
      () => advertisement({ hopLimit }),
      { isUncounted: true },
    ],
  ),
])
