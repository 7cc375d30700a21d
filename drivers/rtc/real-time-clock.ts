/** The second of the CMOS real-time clock, for whoever waits for the next one to begin. */
import type { Hal } from '../hal.ts'

const CMOS_INDEX = 0x70
const CMOS_DATA = 0x71
const SECONDS = 0x00
const STATUS_A = 0x0a
const STATUS_B = 0x0b
const UPDATE_IN_PROGRESS = 0x80
const STATUS_B_BINARY = 0x04

type Ports = Pick<Hal, 'portRead8' | 'portWrite8'>

function readRegister(ports: Ports, index: number): number {
  ports.portWrite8(CMOS_INDEX, index)
  return ports.portRead8(CMOS_DATA)
}

/** 0 to 59; null while the clock changes its registers, or when what it says is no second. */
export function readRtcSecond(ports: Ports): number | null {
  if ((readRegister(ports, STATUS_A) & UPDATE_IN_PROGRESS) !== 0) return null
  const value = readRegister(ports, SECONDS)
  const isBinary = (readRegister(ports, STATUS_B) & STATUS_B_BINARY) !== 0
  if (!isBinary && (value & 15) > 9) return null
  const second = isBinary ? value : (value >> 4) * 10 + (value & 15)
  return second <= 59 ? second : null
}
