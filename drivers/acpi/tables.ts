/**
 * The tables of ACPI: found from the root pointer, handed out whole once signature, length and
 * checksum are right (ACPI 6.5 §5.2).
 */
import type { Hal } from '../hal.ts'

const ROOT_POINTER_BYTES = 36
const ROOT_POINTER_V1_BYTES = 20
const TABLE_HEADER_BYTES = 36
/** Bound on what firmware may claim; QEMU's tables are a few hundred bytes, its DSDT some KiB. */
const MAX_TABLE_BYTES = 1 << 20
/**
 * Default extended BIOS data area and the BIOS ROM: where §5.2.5.1 tells to look, on 16-byte
 * boundaries.
 */
const BIOS_AREAS = [
  { start: 0x9fc00, lengthBytes: 0x400 },
  { start: 0xe0000, lengthBytes: 0x20000 },
]
/** Two octets of a word, far enough apart to be added side by side. */
const LANES = 0x00ff00ff

/** All well-formed tables of that signature. */
export function findTables(hal: Hal, signature: string): DataView[] {
  const rootPointer = hal.acpiRootPointer !== 0 ? hal.acpiRootPointer : scanForRootPointer(hal)
  if (rootPointer === 0) return []
  const tables: DataView[] = []
  for (const address of listTables(hal, rootPointer)) {
    const table = mapTable(hal, address, signature)
    if (table !== null) tables.push(table)
  }
  return tables
}

function scanForRootPointer(hal: Hal): number {
  for (const area of BIOS_AREAS) {
    const view = tryMap(hal, area.start, area.lengthBytes)
    if (view === null) continue
    for (let offset = 0; offset + ROOT_POINTER_V1_BYTES <= view.byteLength; offset += 16) {
      if (isRootPointer(view, offset)) return area.start + offset
    }
  }
  return 0
}

function isRootPointer(view: DataView, offset: number): boolean {
  return (
    view.getUint32(offset, true) === 0x20445352 && // "RSD "
    view.getUint32(offset + 4, true) === 0x20525450 && // "PTR "
    sumsToZero(view, offset, ROOT_POINTER_V1_BYTES)
  )
}

/** Physical addresses of all tables that the root table names. */
function listTables(hal: Hal, rootPointer: number): number[] {
  const root = tryMap(hal, rootPointer, ROOT_POINTER_BYTES)
  if (root === null || !isRootPointer(root, 0)) return []
  const hasExtended = root.getUint8(15) >= 2 && sumsToZero(root, 0, ROOT_POINTER_BYTES)
  const extended = hasExtended ? mapTable(hal, readAddress(root, 24), 'XSDT') : null
  const addresses: number[] = []
  if (extended !== null) {
    for (let at = TABLE_HEADER_BYTES; at + 8 <= extended.byteLength; at += 8) {
      addresses.push(readAddress(extended, at))
    }
    return addresses
  }
  const plain = mapTable(hal, root.getUint32(16, true), 'RSDT')
  if (plain === null) return []
  for (let at = TABLE_HEADER_BYTES; at + 4 <= plain.byteLength; at += 4) {
    addresses.push(plain.getUint32(at, true))
  }
  return addresses
}

/** The whole table when its signature, length and checksum are right, else null. */
export function mapTable(hal: Hal, address: number, signature: string): DataView | null {
  if (address === 0) return null
  const header = tryMap(hal, address, TABLE_HEADER_BYTES)
  if (header === null) return null
  for (let i = 0; i < 4; i++) {
    if (header.getUint8(i) !== signature.charCodeAt(i)) return null
  }
  const lengthBytes = header.getUint32(4, true)
  if (lengthBytes < TABLE_HEADER_BYTES || lengthBytes > MAX_TABLE_BYTES) return null
  const table = tryMap(hal, address, lengthBytes)
  return table !== null && sumsToZero(table, 0, lengthBytes) ? table : null
}

/** Four octets at a time: a DSDT is some thousand, and every boot sums it. */
function sumsToZero(view: DataView, offset: number, lengthBytes: number): boolean {
  const end = offset + lengthBytes
  let at = offset
  let lanes = 0
  for (; at + 4 <= end; at += 4) {
    const word = view.getInt32(at, true)
    lanes = (lanes + (word & LANES) + ((word >>> 8) & LANES)) & LANES
  }
  let sum = lanes + (lanes >>> 16)
  for (; at < end; at++) sum += view.getUint8(at)
  return (sum & 0xff) === 0
}

/** A 64-bit address; beyond 2^53 it is none that could be mapped. */
export function readAddress(view: DataView, offset: number): number {
  return view.getUint32(offset, true) + view.getUint32(offset + 4, true) * 0x100000000
}

/** Firmware may name any address; one that cannot be mapped is a table that is not there. */
function tryMap(hal: Hal, address: number, lengthBytes: number): DataView | null {
  try {
    return new DataView(hal.mapMemory(address, lengthBytes))
  } catch {
    return null
  }
}
