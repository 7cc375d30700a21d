/** The guest's addresses in every network of these tests, as programs and captures write them. */
import { GUEST_ADDRESS4, GUEST_ADDRESS6 } from 'qemu-runner'

export type Family = 4 | 6

/** As a program is told them. */
export const GUEST_HOST = { 4: GUEST_ADDRESS4, 6: GUEST_ADDRESS6 } as const

/** As the capture decoder writes them. */
export const GUEST_SOURCE = { 4: GUEST_ADDRESS4, 6: 'fd00:0:0:0:0:0:0:2' } as const

/** The command line that gives them to a guest on a LAN, where nothing else does. */
export const LAN_APPEND = { ip: `${GUEST_ADDRESS4}/24`, ip6: `${GUEST_ADDRESS6}/64` } as const
