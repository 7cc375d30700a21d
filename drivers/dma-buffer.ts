/** A slice of memory that a device can read and write: what the stack keeps packets in. */
export type { PacketBuffer as DmaBuffer } from '../net/storage/buffer.ts'
