/**
 * `metrics` and `dashboard` of the module `eremite`: request handlers in fetch style for an app
 * that wants them at a path of its own.
 */
import { system } from 'eremite'
import { reportRequests } from '../http/request-meter.ts'
import type { Request } from '../web/request.ts'
import { Response } from '../web/response.ts'
import { EXPOSITION_TYPE } from './exposition.ts'
import { History } from './history.ts'
import { metricsText } from './metrics-text.ts'
import { PAGE, PAGE_FIELDS } from './page.ts'

/** From the app's start on: what is asked for later has been seen. */
const history = new History(system)

const NOT_STORED = { 'Cache-Control': 'no-store' }

/** Null when the method reads. */
function refuseMethod({ method }: Request): Response | null {
  if (method === 'GET' || method === 'HEAD') return null
  return new Response(`405 Method Not Allowed\n`, { status: 405, headers: { Allow: 'GET, HEAD' } })
}

export function metrics(request: Request): Response {
  const refused = refuseMethod(request)
  if (refused !== null) return refused
  const text = metricsText(system.statistics(), reportRequests())
  return new Response(text, { headers: { ...NOT_STORED, 'Content-Type': EXPOSITION_TYPE } })
}

export function dashboard(request: Request): Response {
  const refused = refuseMethod(request)
  if (refused !== null) return refused
  const last = /\/([a-z]*)\/?(?:[?#].*)?$/.exec(request.url)?.[1]
  if (last === 'history') return Response.json(history.report(), { headers: NOT_STORED })
  if (last === 'stats') {
    // An app's page shows; it switches nothing.
    const switches = { transmitOffloads: {}, receiveOffloads: {} }
    const statistics = { ...system.statistics(), ...switches, http: reportRequests() }
    return Response.json(statistics, { headers: NOT_STORED })
  }
  const headers = { ...PAGE_FIELDS, 'Content-Type': 'text/html; charset=utf-8' }
  return new Response(PAGE, { headers: { ...headers, 'Cache-Control': 'no-cache' } })
}
