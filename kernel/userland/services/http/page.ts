/** The page at `/` as a response: page.html beside this file, which browsers keep and ask about (RFC 9110 §13.1.2). */
/// <reference path="../../../text-module.d.ts" />

import { listMembers } from '../../http/header-fields.ts'
import type { RequestHead } from '../../http/request-head.ts'
import type { AppSystem } from '../system.ts'
import PAGE from './page.html'
import { type Response, STORED } from './response.ts'

/**
 * The page brings everything along and asks nobody but this guest. Its one style and one script stand in the page
 * itself, which is why they are allowed inline; whatever the script shows it sets as text, never as markup.
 */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

const NO_CONTENT = new Uint8Array(0)

interface Page {
  readonly content: Uint8Array
  /** Quoted, of the content. */
  readonly entityTag: string
  readonly fields: string
}

/** Encoded at the first request: a guest that nobody looks at does not pay for it. */
let page: Page | null = null

export function pageResponse(system: AppSystem, head: RequestHead): Response {
  if (page === null) page = encodePage(system)
  const { content, entityTag, fields } = page
  const known = listMembers(head.fields, 'if-none-match').some(
    (tag) => tag === '*' || tag === entityTag || tag === `w/${entityTag}`,
  )
  return {
    status: known ? 304 : 200,
    contentType: 'text/html; charset=utf-8',
    contentLength: content.length,
    content: known ? NO_CONTENT : content,
    fields,
  }
}

function encodePage(system: AppSystem): Page {
  const content = system.encodeText(PAGE).slice()
  const sum = system.crc32(content, 0, content.length, 0) >>> 0
  const entityTag = `"${sum.toString(16).padStart(8, '0')}"`
  const fields =
    `${STORED}ETag: ${entityTag}\r\nContent-Security-Policy: ${POLICY}\r\n` +
    'X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n'
  return { content, entityTag, fields }
}
