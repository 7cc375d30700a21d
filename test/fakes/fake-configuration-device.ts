/**
 * A strict fw_cfg: the registers and the DMA interface of QEMU's docs/specs/fw_cfg, every misuse a
 * violation.
 */
import type { FakeHal } from './fake-hal.ts'
import { Violation } from './violation.ts'

const PORTS = { first: 0x510, last: 0x51b }

export interface FakeConfigurationOptions {
  readonly hasDma?: boolean
  readonly refuses?: boolean
  readonly isSilent?: boolean
}

export class FakeConfigurationDevice {
  /** Transfers that were asked for. */
  transfers = 0
  private readonly hal: FakeHal
  private readonly options: FakeConfigurationOptions
  private readonly items = new Map<number, Uint8Array>()
  private selected = new Uint8Array(0)
  private offset = 0
  private high = 0

  constructor(
    hal: FakeHal,
    files: Readonly<Record<string, Uint8Array>>,
    options: FakeConfigurationOptions = {},
  ) {
    this.hal = hal
    this.options = options
    this.items.set(0, new TextEncoder().encode('QEMU'))
    this.items.set(1, Uint8Array.of(options.hasDma === false ? 1 : 3, 0, 0, 0))
    const names = Object.keys(files)
    const directory = new DataView(new ArrayBuffer(4 + 64 * names.length))
    directory.setUint32(0, names.length)
    for (const [index, name] of names.entries()) {
      const at = 4 + 64 * index
      directory.setUint32(at, files[name]!.length)
      directory.setUint16(at + 4, 0x20 + index)
      new TextEncoder().encodeInto(name, new Uint8Array(directory.buffer, at + 8, 55))
      this.items.set(0x20 + index, files[name]!)
    }
    this.items.set(0x19, new Uint8Array(directory.buffer))
    hal.addPorts({
      ...PORTS,
      read: (port, width) => this.read(port, width),
      write: (port, width, value) => this.write(port, width, value),
    })
  }

  private read(port: number, widthBytes: number): number {
    if (port !== 0x511 || widthBytes !== 1) throw new Violation(`fw_cfg: read of ${port}`)
    return this.selected[this.offset++] ?? 0
  }

  private write(port: number, widthBytes: number, value: number): void {
    if (port === 0x510 && widthBytes === 2) this.select(value)
    else if (port === 0x514 && widthBytes === 4) this.high = swap(value)
    else if (port === 0x518 && widthBytes === 4) this.transfer(this.high * 2 ** 32 + swap(value))
    else throw new Violation(`fw_cfg: write of ${widthBytes} bytes to ${port}`)
  }

  private select(key: number): void {
    this.selected = new Uint8Array(this.items.get(key) ?? [])
    this.offset = 0
  }

  private transfer(address: number): void {
    this.transfers++
    if (this.options.hasDma === false) throw new Violation('fw_cfg: DMA that is not there')
    if (this.options.isSilent === true) return
    const record = this.hal.resolveDma(address, 16)
    const view = new DataView(record.buffer, record.byteOffset, 16)
    const control = view.getUint32(0)
    if ((control & ~0xffff000a) !== 0) throw new Violation(`fw_cfg: control ${control}`)
    if (this.options.refuses === true) {
      view.setUint32(0, 1)
      return
    }
    if ((control & 8) !== 0) this.select(control >>> 16)
    const length = view.getUint32(4)
    const target = this.hal.resolveDma(view.getUint32(8) * 2 ** 32 + view.getUint32(12), length)
    // What lies behind the end of an item reads as zero.
    target.fill(0)
    target.set(this.selected.subarray(this.offset, this.offset + length))
    this.offset += length
    view.setUint32(0, 0)
  }
}

function swap(word: number): number {
  const view = new DataView(new ArrayBuffer(4))
  view.setUint32(0, word, true)
  return view.getUint32(0)
}
