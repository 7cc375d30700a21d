/** Values of the command line that are one number or one of a few words. */
import { badValue } from './command-line-error.ts'

const DEFAULT_WATCHDOG_SECONDS = 30
const LONGEST_WATCHDOG_SECONDS = 600
const DEFAULT_GRACE_SECONDS = 10
const LONGEST_GRACE_SECONDS = 3600
/** Above it peers would take the guest for a far one. */
const LONGEST_INTERRUPT_DELAY_US = 10_000
/** What the driver uses at most. */
export const MOST_QUEUE_PAIRS = 8

export function parseInterruptDelay(value: string | undefined): number | null {
  if (value === undefined) return null
  const isNumber = /^[1-9]\d{0,4}$/.test(value)
  if (!isNumber || Number(value) > LONGEST_INTERRUPT_DELAY_US) {
    throw badValue('interrupt-delay', value, `microseconds from 1 to ${LONGEST_INTERRUPT_DELAY_US}`)
  }
  return Number(value)
}

/** Pairs of queues of the network device that may be used; null = as its driver sees fit. */
export function parseQueues(value: string | undefined): number | null {
  if (value === undefined) return null
  if (!/^[1-9]$/.test(value) || Number(value) > MOST_QUEUE_PAIRS) {
    throw badValue('queues', value, `pairs of queues from 1 to ${MOST_QUEUE_PAIRS}`)
  }
  return Number(value)
}

export function parseLogFormat(value: string | undefined): 'text' | 'json' {
  if (value === undefined || value === 'text') return 'text'
  if (value !== 'json') throw badValue('log-format', value, 'text or json')
  return value
}

export function parseExitAfter(value: string | undefined): boolean {
  if (value === undefined) return false
  if (value !== 'ready') throw badValue('exit-after', value, 'ready')
  return true
}

export function parsePoll(value: string | undefined): boolean {
  if (value !== undefined && value !== 'on' && value !== 'off') {
    throw badValue('poll', value, 'on or off')
  }
  return value !== 'off'
}

export function parseGrace(value: string | undefined): number {
  if (value === undefined) return DEFAULT_GRACE_SECONDS * 1000
  if (!/^\d{1,4}$/.test(value) || Number(value) > LONGEST_GRACE_SECONDS) {
    throw badValue('grace', value, `seconds from 0 to ${LONGEST_GRACE_SECONDS}`)
  }
  return Number(value) * 1000
}

export function parseUnhandled(value: string | undefined): 'log' | 'exit' {
  if (value === undefined || value === 'log') return 'log'
  if (value !== 'exit') throw badValue('unhandled', value, 'log or exit')
  return value
}

export function parseWatchdog(value: string | undefined): number | null {
  if (value === undefined) return DEFAULT_WATCHDOG_SECONDS
  if (value === 'off') return null
  const seconds = /^[1-9]\d{0,2}$/.test(value) ? Number(value) : Number.POSITIVE_INFINITY
  if (seconds > LONGEST_WATCHDOG_SECONDS) {
    throw badValue('watchdog', value, `off, or seconds from 1 to ${LONGEST_WATCHDOG_SECONDS}`)
  }
  return seconds
}

export function parseWeakHost(value: string | undefined): boolean {
  if (value === undefined || value === 'off') return false
  if (value === 'on') return true
  throw badValue('weak-host', value, 'on or off')
}
