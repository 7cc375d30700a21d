/** The masking of RFC 6455 §5.3, by a native of the kernel: no loop over bytes. */

/** As in kernel/hal/native.d.ts; apps have it in `system`. */
export interface MaskNative {
  maskBytes(
    target: Uint8Array,
    targetOffset: number,
    source: Uint8Array,
    sourceOffset: number,
    lengthBytes: number,
    key: Uint8Array,
  ): void
}

let native: MaskNative | null = null

/** Called once, by what is bundled around the app. */
export function useMaskNative(given: MaskNative): void {
  native = given
}

export const maskBytes: MaskNative['maskBytes'] = (...range) => {
  if (native === null) throw new Error('Cannot mask: no native was given')
  native.maskBytes(...range)
}
