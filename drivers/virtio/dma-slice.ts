/** A part of device-visible memory with its own views. */
import type { DmaBuffer } from '../dma-buffer.ts'

export function sliceDma(memory: DmaBuffer, offset: number, lengthBytes: number): DmaBuffer {
  const { buffer, byteOffset } = memory.bytes
  return {
    bytes: new Uint8Array(buffer, byteOffset + offset, lengthBytes),
    view: new DataView(buffer, byteOffset + offset, lengthBytes),
    physicalAddress: memory.physicalAddress + offset,
    lengthBytes,
  }
}
