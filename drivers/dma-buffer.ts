/** A slice of memory that a device can read and write, with its views made once. */
export interface DmaBuffer {
  readonly bytes: Uint8Array
  readonly view: DataView
  /** Address of bytes[0] as the device sees it; below 2^53. */
  readonly physicalAddress: number
  readonly lengthBytes: number
}
