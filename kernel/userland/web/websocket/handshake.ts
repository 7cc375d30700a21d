/** The opening handshake of RFC 6455 §4: what both sides check of each other's fields. */

import { type FieldMap, listMembers, TOKEN } from '../../http/header-fields.ts'
import type { RequestHead } from '../../http/request-head.ts'
import type { ResponseHead } from '../../http/response-head.ts'
import { btoa } from '../base64.ts'
import { Hash } from '../hash.ts'
import type { Headers } from '../headers.ts'
import { encodeUtf8 } from '../host-globals.ts'
import type { UpgradeAnswer } from '../upgrade.ts'

const VERSION = '13'
/** §1.3: what the server adds to the key. */
const IDENTIFIER = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
/** §4.1: 16 bytes in base64. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/
export const PROTOCOL = 'sec-websocket-protocol'

/** §4.2.2: the hash of key and identifier. */
export function acceptOf(key: string): string {
  const digest = new Hash('SHA-1').update(encodeUtf8(key + IDENTIFIER)).digest()
  return btoa(String.fromCharCode(...digest))
}

/** §4.2.1, §4.2.2. Throws TypeError when `fields` choose a subprotocol that was not offered. */
export function answerHandshake(
  head: RequestHead,
  hasContent: boolean,
  fields: Headers,
): UpgradeAnswer {
  const problem = problemOf(head, hasContent)
  if (problem !== null) return { status: 400, reason: problem, fields: {} }
  // §4.4: with "a list of the versions" it speaks.
  if (single(head.fields, 'sec-websocket-version') !== VERSION) {
    const known = { 'sec-websocket-version': VERSION, upgrade: 'websocket', connection: 'upgrade' }
    return { status: 426, reason: 'the version is not 13', fields: known }
  }
  const chosen = fields.get(PROTOCOL)
  if (chosen !== null && !offered(head.fields).includes(chosen)) {
    throw new TypeError(`Cannot upgrade: the client does not offer the protocol '${chosen}'`)
  }
  const accept = acceptOf(single(head.fields, 'sec-websocket-key')!)
  const answer = { upgrade: 'websocket', connection: 'Upgrade', 'sec-websocket-accept': accept }
  return { status: 101, reason: '', fields: answer }
}

function problemOf(head: RequestHead, hasContent: boolean): string | null {
  if (head.method !== 'GET') return 'a WebSocket begins with GET'
  if (head.minorVersion !== 1) return 'a WebSocket begins with HTTP/1.1'
  if (hasContent) return 'a WebSocket begins without content'
  const asked = askedOf(head.fields)
  if (asked !== null) return asked
  if (!KEY.test(single(head.fields, 'sec-websocket-key') ?? '')) {
    return 'Sec-WebSocket-Key is not one of 16 bytes in base64'
  }
  return null
}

function askedOf(fields: FieldMap): string | null {
  if (!listMembers(fields, 'upgrade').includes('websocket')) return 'Upgrade is not websocket'
  if (!listMembers(fields, 'connection').includes('upgrade')) return 'Connection is not Upgrade'
  return null
}

/** Subprotocols are told apart by case too, unlike other members of lists. */
function offered(fields: FieldMap): string[] {
  const names = (fields.get(PROTOCOL) ?? []).join(',').split(',')
  return names.map((name) => name.trim())
}

function single(fields: FieldMap, name: string): string | null {
  const values = fields.get(name)
  return values?.length === 1 ? values[0]! : null
}

/** The fields of a client's request besides Host (§4.1). */
export function requestFields(key: string, protocols: readonly string[]): string {
  const fields = [
    'upgrade: websocket',
    'connection: Upgrade',
    `sec-websocket-key: ${key}`,
    `sec-websocket-version: ${VERSION}`,
  ]
  if (protocols.length > 0) fields.push(`${PROTOCOL}: ${protocols.join(', ')}`)
  return fields.map((field) => `${field}\r\n`).join('')
}

/** The subprotocol that the server chose, '' without one; or what is wrong with its answer. */
export function readAnswer(
  { status, fields }: ResponseHead,
  key: string,
  protocols: readonly string[],
): { readonly protocol: string } | { readonly problem: string } {
  if (status !== 101) return { problem: `the server answers with ${status}` }
  const asked = askedOf(fields)
  if (asked !== null) return { problem: asked }
  if (single(fields, 'sec-websocket-accept') !== acceptOf(key)) {
    return { problem: 'Sec-WebSocket-Accept is not the hash of the key' }
  }
  // §4.1: an extension that "was not present in the client's handshake" fails it.
  if (listMembers(fields, 'sec-websocket-extensions').length > 0) {
    return { problem: 'the server uses an extension that was not offered' }
  }
  const chosen = fields.get(PROTOCOL)
  if (chosen === undefined) {
    return protocols.length === 0
      ? { protocol: '' }
      : { problem: `the server chooses none of the protocols ${protocols.join(', ')}` }
  }
  return chosen.length === 1 && protocols.includes(chosen[0]!)
    ? { protocol: chosen[0]! }
    : { problem: 'the server chooses a protocol that was not offered' }
}

/** §4.1: tokens, each once. */
export function areProtocols(protocols: readonly string[]): boolean {
  return new Set(protocols).size === protocols.length && protocols.every((it) => TOKEN.test(it))
}
