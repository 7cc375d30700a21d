/** The CMOS real-time clock: its date, and its second for whoever waits for the next to begin. */
import type { Hal } from '../hal.ts'

const CMOS_INDEX = 0x70
const CMOS_DATA = 0x71
const SECONDS = 0x00
const MINUTES = 0x02
const HOURS = 0x04
const DAY_OF_MONTH = 0x07
const MONTH = 0x08
const YEAR = 0x09
const STATUS_A = 0x0a
const STATUS_B = 0x0b
const UPDATE_IN_PROGRESS = 0x80
const STATUS_B_24_HOURS = 0x02
const STATUS_B_BINARY = 0x04
const HOUR_PM = 0x80
/** An update takes 2 ms, and is announced a quarter of one before it begins. */
const UPDATE_POLLS = 2_000
/** An update between two registers, and another behind it, fall into three readings at most. */
const READINGS = 3

type Ports = Pick<Hal, 'portRead8' | 'portWrite8'>

function readRegister(ports: Ports, index: number): number {
  ports.portWrite8(CMOS_INDEX, index)
  return ports.portRead8(CMOS_DATA)
}

/** Where nobody answers, every bit reads as one; as status, that is an update that never ends. */
function isMissing(ports: Ports): boolean {
  return readRegister(ports, STATUS_A) === 0xff && readRegister(ports, STATUS_B) === 0xff
}

function isUpdating(ports: Ports): boolean {
  return (readRegister(ports, STATUS_A) & UPDATE_IN_PROGRESS) !== 0
}

/** -1: the digits are none. */
function numberOf(value: number, isBinary: boolean): number {
  if (isBinary) return value
  return (value & 15) > 9 || value >> 4 > 9 ? -1 : (value >> 4) * 10 + (value & 15)
}

/** 0 to 59; null while the clock changes its registers, or when what it says is no second. */
export function readRtcSecond(ports: Ports): number | null {
  if (isUpdating(ports)) return null
  const value = readRegister(ports, SECONDS)
  const isBinary = (readRegister(ports, STATUS_B) & STATUS_B_BINARY) !== 0
  const second = numberOf(value, isBinary)
  return second >= 0 && second <= 59 ? second : null
}

/** Seconds since 1970; null when nobody answers, or what it says is no date. */
export function readRtcDate(ports: Ports): number | null {
  if (isMissing(ports)) return null
  let before = readDate(ports)
  for (let reading = 1; reading < READINGS; reading++) {
    const again = readDate(ports)
    if (again === before) return again
    before = again
  }
  return null
}

function readDate(ports: Ports): number | null {
  for (let polls = 0; isUpdating(ports); polls++) if (polls === UPDATE_POLLS) return null
  const status = readRegister(ports, STATUS_B)
  const isBinary = (status & STATUS_B_BINARY) !== 0
  const field = (index: number) => numberOf(readRegister(ports, index), isBinary)
  const hourValue = readRegister(ports, HOURS)
  const isOf24 = (status & STATUS_B_24_HOURS) !== 0
  let hour = numberOf(isOf24 ? hourValue : hourValue & ~HOUR_PM, isBinary)
  if (!isOf24) {
    if (!isWithin(hour, 1, 12)) return null
    hour = (hour % 12) + ((hourValue & HOUR_PM) === 0 ? 0 : 12)
  }
  const [second, minute, day] = [field(SECONDS), field(MINUTES), field(DAY_OF_MONTH)]
  const [month, year] = [field(MONTH), field(YEAR)]
  const isTime = isWithin(second, 0, 59) && isWithin(minute, 0, 59) && isWithin(hour, 0, 23)
  const isDay = isWithin(day, 1, 31) && isWithin(month, 1, 12) && isWithin(year, 0, 99)
  if (!isTime || !isDay) return null
  const date = new Date(Date.UTC(2000 + year, month - 1, day, hour, minute, second))
  // The 31st of a month that has 30 days is one of the next month.
  return date.getUTCDate() === day ? date.getTime() / 1000 : null
}

function isWithin(value: number, least: number, most: number): boolean {
  return value >= least && value <= most
}
