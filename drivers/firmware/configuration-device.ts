/**
 * QEMU's firmware configuration device (fw_cfg): named files that whoever starts the machine hands
 * to its guest.
 */
import type { DmaBuffer } from '../dma-buffer.ts'
import type { Hal } from '../hal.ts'

const SELECTOR_PORT = 0x510
const DATA_PORT = 0x511
/** Big endian, the upper half first; writing the lower half starts the transfer. */
const DMA_ADDRESS_PORT = 0x514

const SIGNATURE_KEY = 0x0000
const SIGNATURE = 'QEMU'
const ID_KEY = 0x0001
const ID_DMA = 1 << 1
const DIRECTORY_KEY = 0x0019

/** The transfer record: control and length of 32 bits, address of 64, all big endian. */
const CONTROL = 0
const LENGTH = 4
const ADDRESS = 8
const RECORD_BYTES = 16
const CONTROL_ERROR = 1 << 0
const CONTROL_READ = 1 << 1
const CONTROL_SELECT = 1 << 3

const ENTRY_BYTES = 64
const ENTRY_NAME_OFFSET = 8
/** QEMU has a few dozen; its own bound is lower. */
const MAX_FILES = 1024
const PIECE_BYTES = 4096
/** QEMU answers before the next instruction; another hypervisor may not. */
const TRANSFER_DEADLINE_NS = 1e9

interface FirmwareFile {
  readonly key: number
  readonly lengthBytes: number
}

export class ConfigurationDevice {
  private readonly hal: Hal
  private readonly record: DmaBuffer
  private readonly piece: DmaBuffer
  private readonly files = new Map<string, FirmwareFile>()

  /** Null on a machine that has none, or one without DMA (QEMU before 2.9 in some machines). */
  static open(hal: Hal): ConfigurationDevice | null {
    if (readByPort(hal, SIGNATURE_KEY) !== wordOf(SIGNATURE)) return null
    return (readByPort(hal, ID_KEY) & ID_DMA) === 0 ? null : new ConfigurationDevice(hal)
  }

  private constructor(hal: Hal) {
    this.hal = hal
    this.record = hal.allocateDma(RECORD_BYTES, RECORD_BYTES)
    this.piece = hal.allocateDma(PIECE_BYTES, PIECE_BYTES)
    this.readDirectory()
  }

  /** Names that begin so, in the device's order. */
  names(prefix: string): string[] {
    return [...this.files.keys()].filter((name) => name.startsWith(prefix))
  }

  /** Bytes of a file; undefined when there is none of that name. */
  lengthOf(name: string): number | undefined {
    return this.files.get(name)?.lengthBytes
  }

  /**
   * The whole file; undefined when there is none of that name. Throws Error when the device does
   * not deliver.
   */
  read(name: string): Uint8Array<ArrayBuffer> | undefined {
    const file = this.files.get(name)
    return file === undefined ? undefined : this.readKey(file.key, file.lengthBytes)
  }

  private readDirectory(): void {
    const countBytes = this.readKey(DIRECTORY_KEY, 4)
    const count = new DataView(countBytes.buffer).getUint32(0)
    const bytes = this.readKey(DIRECTORY_KEY, 4 + Math.min(count, MAX_FILES) * ENTRY_BYTES)
    const view = new DataView(bytes.buffer)
    for (let at = 4; at < bytes.length; at += ENTRY_BYTES) {
      const field = bytes.subarray(at + ENTRY_NAME_OFFSET, at + ENTRY_BYTES)
      const end = field.indexOf(0)
      const name = String.fromCharCode(...field.subarray(0, end < 0 ? field.length : end))
      this.files.set(name, { lengthBytes: view.getUint32(at), key: view.getUint16(at + 4) })
    }
  }

  /** Piece by piece through memory of ours: the device writes nowhere else. */
  private readKey(key: number, lengthBytes: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(lengthBytes)
    for (let offset = 0; offset < lengthBytes; offset += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, lengthBytes - offset)
      this.transfer(offset === 0 ? ((key << 16) | CONTROL_SELECT) >>> 0 : 0, length)
      this.hal.bulk.copy(bytes, offset, this.piece.bytes, 0, length)
    }
    return bytes
  }

  private transfer(select: number, length: number): void {
    const { hal, record, piece } = this
    record.view.setUint32(CONTROL, (select | CONTROL_READ) >>> 0)
    record.view.setUint32(LENGTH, length)
    writeAddress(record.view, ADDRESS, piece.physicalAddress)
    hal.memoryBarrier()
    const { physicalAddress } = record
    hal.portWrite32(DMA_ADDRESS_PORT, swapWord(Math.floor(physicalAddress / 2 ** 32)))
    hal.portWrite32(DMA_ADDRESS_PORT + 4, swapWord(physicalAddress % 2 ** 32))
    const deadlineNs = hal.monotonicNs() + TRANSFER_DEADLINE_NS
    for (;;) {
      hal.memoryBarrier()
      const control = record.view.getUint32(CONTROL)
      if (control === 0) return
      if ((control & CONTROL_ERROR) !== 0) throw new Error('Cannot read from fw_cfg: it refuses')
      if (hal.monotonicNs() > deadlineNs) {
        throw new Error('Cannot read from fw_cfg: no answer within a second')
      }
    }
  }
}

function readByPort(hal: Hal, key: number): number {
  hal.portWrite16(SELECTOR_PORT, key)
  let word = 0
  for (let index = 0; index < 4; index++) word |= hal.portRead8(DATA_PORT) << (8 * index)
  return word >>> 0
}

/** Four characters as the word that they are in memory. */
function wordOf(text: string): number {
  let word = 0
  for (let index = 0; index < 4; index++) word |= text.charCodeAt(index) << (8 * index)
  return word >>> 0
}

function writeAddress(view: DataView, offset: number, address: number): void {
  view.setUint32(offset, Math.floor(address / 2 ** 32))
  view.setUint32(offset + 4, address % 2 ** 32)
}

/** The ports take the address in the other order of bytes than the processor writes. */
function swapWord(word: number): number {
  return (
    ((word & 0xff) * 2 ** 24 +
      ((word >>> 8) & 0xff) * 2 ** 16 +
      ((word >>> 16) & 0xff) * 2 ** 8 +
      (word >>> 24)) >>>
    0
  )
}
