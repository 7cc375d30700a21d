/**
 * Reads pcapng files for tests, written from the format's description and strict about it: lengths,
 * paddings, ends.
 */

export interface PcapngOption {
  readonly code: number
  readonly value: Uint8Array
}

export interface PcapngPacket {
  /** Nanoseconds, if_tsoffset included. */
  readonly timeNs: bigint
  readonly bytes: Uint8Array
  readonly originalLength: number
  readonly direction: 'in' | 'out' | 'unknown'
  readonly reception: 'unicast' | 'multicast' | 'broadcast' | 'promiscuous' | 'unknown'
  readonly dropCount: number
  /** The empty string when there is none. */
  readonly comment: string
  readonly interfaceIndex: number
}

export interface PcapngSection {
  readonly options: readonly PcapngOption[]
  /** Of the first, as what follows, and the names of all. */
  readonly interfaceOptions: readonly PcapngOption[]
  readonly interfaceNames: string[]
  readonly linkType: number
  readonly snapLength: number
  readonly packets: PcapngPacket[]
  /** Of an Interface Statistics Block, if there is one. */
  statistics: readonly PcapngOption[] | undefined
}

const RECEPTIONS = ['unknown', 'unicast', 'multicast', 'broadcast', 'promiscuous'] as const

/** Throws on anything that the format does not allow, a block cut short at the end included. */
export function readPcapng(file: Uint8Array): PcapngSection[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength)
  const sections: PcapngSection[] = []
  let little = false
  for (let at = 0; at < file.length; ) {
    const type = view.getUint32(at, little)
    if (type === 0x0a0d0d0a) little = byteOrder(view, at)
    const length = view.getUint32(at + 4, little)
    if (length < 12 || length % 4 !== 0 || at + length > file.length) {
      throw new Error(`block of ${length} bytes at ${at} of ${file.length}`)
    }
    if (view.getUint32(at + length - 4, little) !== length) throw new Error(`block end at ${at}`)
    const block = new DataView(file.buffer, file.byteOffset + at, length - 4)
    const section = sections.at(-1)
    if (type === 0x0a0d0d0a) sections.push(readSection(block, little))
    else if (section === undefined) throw new Error('a block before any section')
    else if (type === 1) readInterface(block, little, section)
    else if (type === 6) section.packets.push(readPacket(block, little, section))
    else if (type === 5) section.statistics = readOptions(block, 20, little)
    else throw new Error(`block type ${type} at ${at}`)
    at += length
  }
  return sections
}

/** The value of the first option of that code, or undefined. */
export function optionOf(options: readonly PcapngOption[], code: number): Uint8Array | undefined {
  return options.find((option) => option.code === code)?.value
}

export function textOf(options: readonly PcapngOption[], code: number): string | undefined {
  const value = optionOf(options, code)
  return value === undefined ? undefined : new TextDecoder('utf-8', { fatal: true }).decode(value)
}

export function numberOf(options: readonly PcapngOption[], code: number): number | undefined {
  const value = optionOf(options, code)
  if (value === undefined) return undefined
  return Number(new DataView(value.buffer, value.byteOffset, 8).getBigUint64(0))
}

function byteOrder(view: DataView, at: number): boolean {
  const magic = view.getUint32(at + 8)
  if (magic !== 0x1a2b3c4d && magic !== 0x4d3c2b1a) throw new Error(`byte-order magic ${magic}`)
  return magic === 0x4d3c2b1a
}

function readSection(block: DataView, little: boolean): PcapngSection {
  if (block.getUint16(12, little) !== 1 || block.getUint16(14, little) !== 0) {
    throw new Error('version')
  }
  if (block.getBigInt64(16, little) !== -1n) throw new Error('section length')
  const options = readOptions(block, 24, little)
  return {
    options,
    interfaceOptions: [],
    interfaceNames: [],
    linkType: -1,
    snapLength: 0,
    packets: [],
    statistics: undefined,
  }
}

function readInterface(block: DataView, little: boolean, section: PcapngSection): void {
  const interfaceOptions = readOptions(block, 16, little)
  if (optionOf(interfaceOptions, 9)?.[0] !== 9) throw new Error('not in nanoseconds')
  section.interfaceNames.push(textOf(interfaceOptions, 2) ?? '')
  if (section.linkType >= 0) return
  Object.assign(section, {
    linkType: block.getUint16(8, little),
    snapLength: block.getUint32(12, little),
    interfaceOptions,
  })
}

function readPacket(block: DataView, little: boolean, section: PcapngSection): PcapngPacket {
  const interfaceIndex = block.getUint32(8, little)
  if (interfaceIndex >= section.interfaceNames.length) throw new Error('no interface')
  const high = BigInt(block.getUint32(12, little))
  const low = BigInt(block.getUint32(16, little))
  const captured = block.getUint32(20, little)
  const end = 28 + captured
  const bytes = new Uint8Array(block.buffer, block.byteOffset + 28, captured).slice()
  for (let at = end; at % 4 !== 0; at++) if (block.getUint8(at) !== 0) throw new Error('padding')
  const options = readOptions(block, (end + 3) & ~3, little)
  const flags = optionOf(options, 2)
  const word = flags === undefined ? 0 : new DataView(flags.buffer).getUint32(0, little)
  const drops = optionOf(options, 4)
  const offset = optionOf(section.interfaceOptions, 14)
  const offsetSeconds =
    offset === undefined ? 0n : new DataView(offset.buffer).getBigInt64(0, little)
  return {
    timeNs: (high << 32n) + low + offsetSeconds * 1_000_000_000n,
    bytes,
    originalLength: block.getUint32(24, little),
    direction: (['unknown', 'in', 'out'] as const)[word & 3]!,
    reception: RECEPTIONS[(word >> 2) & 7]!,
    dropCount: drops === undefined ? 0 : Number(new DataView(drops.buffer).getBigUint64(0, little)),
    comment: textOf(options, 1) ?? '',
    interfaceIndex,
  }
}

function readOptions(block: DataView, start: number, little: boolean): PcapngOption[] {
  const options: PcapngOption[] = []
  let at = start
  while (at < block.byteLength) {
    const code = block.getUint16(at, little)
    const length = block.getUint16(at + 2, little)
    at += 4
    if (code === 0) {
      if (length !== 0 || at !== block.byteLength) throw new Error('opt_endofopt in the middle')
      return options
    }
    options.push({
      code,
      value: new Uint8Array(block.buffer, block.byteOffset + at, length).slice(),
    })
    at += length
    for (; at % 4 !== 0; at++) if (block.getUint8(at) !== 0) throw new Error('option padding')
  }
  throw new Error('options without an end')
}
