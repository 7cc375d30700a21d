/** Text of WebSockets, and what a Close frame holds (RFC 6455 §5.5.1, §7.4). */
import { StreamDecoder } from '../host-globals.ts'
import { CloseCode } from './frame.ts'
import type { Violation } from './frame-reader.ts'

const decoder = /* @__PURE__ */ new StreamDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Null for what is not UTF-8. */
export function decodeText(bytes: Uint8Array): string | null {
  try {
    return decoder.decode(bytes)
  } catch (error) {
    if (error instanceof TypeError) return null
    throw error
  }
}

/** Which codes a peer may give: §7.4.2, and those of §7.4.1 that stand in a frame. */
function isCloseCode(code: number): boolean {
  if (code >= 3000) return code <= 4999
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006)
}

/** The payload of a Close frame (§5.5.1); empty without a code. */
export function closePayload(code: number, reason: Uint8Array): Uint8Array {
  if (code === CloseCode.none) return new Uint8Array(0)
  const payload = new Uint8Array(2 + reason.length)
  payload[0] = code >> 8
  payload[1] = code & 0xff
  payload.set(reason, 2)
  return payload
}

export interface Closing {
  readonly code: number
  readonly reason: string
}

export function readClose(payload: Uint8Array): Closing | { readonly violation: Violation } {
  if (payload.length === 0) return { code: CloseCode.none, reason: '' }
  const code = (payload[0]! << 8) | (payload[1] ?? 0)
  if (payload.length === 1 || !isCloseCode(code)) {
    const problem = 'a Close frame has no code that may stand there'
    return { violation: { code: CloseCode.protocolError, reason: problem } }
  }
  const reason = decodeText(payload.subarray(2))
  if (reason !== null) return { code, reason }
  const violation = { code: CloseCode.invalidData, reason: 'the reason of a Close is not UTF-8' }
  return { violation }
}
