/** The package `buffer`, which bundlers take for Node.js' own everywhere. */
import * as namespace from 'buffer/index.js'

export type Buffer = namespace.Buffer
/** What is exported beside Buffer, of which its types say nothing. */
export interface BufferLibrary {
  readonly Buffer: typeof namespace.Buffer
  readonly INSPECT_MAX_BYTES: number
  readonly kMaxLength: number
  readonly SlowBuffer: typeof namespace.Buffer
}

/** Called where it is used, so that who does not use it carries none of it. */
export function bufferLibrary(): BufferLibrary {
  return (namespace as unknown as { readonly default: BufferLibrary }).default
}
