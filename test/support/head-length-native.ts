/** What stands for the kernel's native that finds the end of a head, where tests run on Node. */
import type { HeadLength } from '../../kernel/userland/http/head-collector.ts'

export const headLengthNative: HeadLength = (bytes, offset, lengthBytes) => {
  if (offset + lengthBytes > bytes.length) throw new RangeError('beyond the array')
  const text = Buffer.from(bytes.subarray(offset, offset + lengthBytes)).toString('latin1')
  // Lines that are not empty, each up to its LF, which a CR is before; then the empty one.
  const head = /^(?:[^\n]*[^\n]\r\n)+\r\n/.exec(text)?.[0]
  return head === undefined || head.startsWith('\r\n') ? 0 : head.length
}
