/** What stands for the kernel's native that masks WebSockets, where tests run on Node. */
import type { MaskNative } from '../../kernel/userland/web/websocket/mask.ts'

export const maskNative: MaskNative = {
  maskBytes(target, targetOffset, source, sourceOffset, lengthBytes, key) {
    if (targetOffset + lengthBytes > target.length) throw new RangeError('beyond the target')
    if (sourceOffset + lengthBytes > source.length) throw new RangeError('beyond the source')
    for (let at = 0; at < lengthBytes; at++) {
      target[targetOffset + at] = source[sourceOffset + at]! ^ key[at % 4]!
    }
  },
}
