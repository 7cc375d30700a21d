/**
 * ACPI tables for tests: a root pointer, an XSDT and whatever tables a test wants, with lengths and
 * checksums right.
 */

export interface FakeTable {
  readonly signature: string
  readonly lengthBytes: number
  /** Fills in what follows the header; offsets count from the table's start. */
  fill(view: DataView): void
}

const HEADER_BYTES = 36
const TABLE_SPACING = 0x1000

function text(bytes: Uint8Array, at: number, value: string): void {
  for (let i = 0; i < value.length; i++) bytes[at + i] = value.charCodeAt(i)
}

function seal(bytes: Uint8Array, start: number, length: number, at: number): void {
  bytes[at] = 0
  const sum = bytes.subarray(start, start + length).reduce((a, b) => a + b, 0)
  bytes[at] = -sum & 0xff
}

/** Where table `index` of layoutTables lies. */
export function tableAddress(address: number, index: number): number {
  return address + (index + 2) * TABLE_SPACING
}

/**
 * Memory for `address`, which is the root pointer's. Every table is in the root table; a DSDT there
 * does no harm.
 */
export function layoutTables(address: number, tables: readonly FakeTable[]): Uint8Array {
  const bytes = new Uint8Array((tables.length + 2) * TABLE_SPACING)
  const view = new DataView(bytes.buffer)
  text(bytes, 0, 'RSD PTR EREMIT')
  bytes[15] = 2
  view.setUint32(20, HEADER_BYTES, true)
  view.setBigUint64(24, BigInt(address + TABLE_SPACING), true)
  seal(bytes, 0, 20, 8)
  seal(bytes, 0, HEADER_BYTES, 32)
  const rootBytes = HEADER_BYTES + 8 * tables.length
  text(bytes, TABLE_SPACING, 'XSDT')
  view.setUint32(TABLE_SPACING + 4, rootBytes, true)
  for (const [index, table] of tables.entries()) {
    const at = (index + 2) * TABLE_SPACING
    view.setBigUint64(TABLE_SPACING + HEADER_BYTES + 8 * index, BigInt(address + at), true)
    text(bytes, at, table.signature)
    view.setUint32(at + 4, table.lengthBytes, true)
    table.fill(new DataView(bytes.buffer, at, table.lengthBytes))
    seal(bytes, at, table.lengthBytes, at + 9)
  }
  seal(bytes, TABLE_SPACING, rootBytes, TABLE_SPACING + 9)
  return bytes
}
