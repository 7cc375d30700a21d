/**
 * The page at `/` as a response: that of kernel/userland/status, which browsers keep and ask about
 * (RFC 9110 §13.1.2).
 */
import { listMembers } from '../../http/header-fields.ts'
import type { RequestHead } from '../../http/request-head.ts'
import { PAGE, PAGE_FIELDS } from '../../status/page.ts'
import type { AppSystem } from '../system.ts'
import { type Response, STORED } from './response.ts'

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
  const own = Object.entries(PAGE_FIELDS).map(([name, value]) => `${name}: ${value}\r\n`)
  const fields = `${STORED}ETag: ${entityTag}\r\n${own.join('')}`
  return { content, entityTag, fields }
}
