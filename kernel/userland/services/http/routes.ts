/** What the built-in HTTP server offers: which path takes which methods and what it answers. */

import { type Refusal, refuse } from '../../http/refusal.ts'
import type { RequestHead } from '../../http/request-head.ts'
import { reportRequests } from '../../http/request-meter.ts'
import { EXPOSITION_TYPE } from '../../status/exposition.ts'
import type { History } from '../../status/history.ts'
import { metricsText } from '../../status/metrics-text.ts'
import type { AppSystem } from '../system.ts'
import { pageResponse } from './page.ts'
import { patternResponse, type Response, textResponse } from './response.ts'

/** What to do with a request: answer now, take its content into the sink first, or refuse it. */
export type Route =
  | { readonly kind: 'answer'; readonly response: Response }
  | { readonly kind: 'sink' }
  | Refusal

const READ_METHODS = 'GET, HEAD'
const SINK_METHODS = 'PUT'

const SWITCH_METHODS = 'PUT'

/** PUT has an offload switched; whether it was is seen in /stats. */
const OFFLOAD_PATH = /^\/offloads\/([a-z0-9_]{1,20})\/(on|off)$/
const BYTES_PATH = /^\/bytes\/([0-9]{1,15})$/

/** What answers are made of. */
export interface RouteParts {
  readonly system: AppSystem
  readonly history: History
}

/** The last path of `/bytes/N` and its answer: who asks for one mostly asks for it again. */
let patternPath = ''
let patternRoute: Route | null = null

export function route(parts: RouteParts, head: RequestHead): Route {
  const { system } = parts
  const isRead = head.method === 'GET' || head.method === 'HEAD'
  if (isRead && patternRoute !== null && head.path === patternPath) return patternRoute
  if (head.path === '/sink') {
    return head.method === 'PUT' ? { kind: 'sink' } : notAllowed(head, SINK_METHODS)
  }
  const offload = OFFLOAD_PATH.exec(head.path)
  if (offload !== null) {
    if (head.method !== 'PUT') return notAllowed(head, SWITCH_METHODS)
    return switchOffload(system, offload[1]!, offload[2] === 'on')
  }
  const bytes = BYTES_PATH.exec(head.path)
  const read = bytes === null ? READERS[head.path] : undefined
  if (read === undefined && bytes === null) return refuse(404, THERE_ARE)
  if (!isRead) return notAllowed(head, READ_METHODS)
  if (read !== undefined) return answer(read(parts, head))
  patternPath = head.path
  patternRoute = answer(patternResponse(Number(bytes![1])))
  return patternRoute
}

const THERE_ARE =
  'there are /, /stats, /history, /metrics, /healthz, /bytes/N, PUT /sink and PUT /offloads/NAME/on or off'

const READERS: Readonly<Record<string, (parts: RouteParts, head: RequestHead) => Response>> = {
  __proto__: null as never,
  '/': ({ system }, head) => pageResponse(system, head),
  '/stats': ({ system }) => {
    // The kernel's text with one member more.
    const requests = JSON.stringify(reportRequests())
    return json(system, `${system.statisticsText().slice(0, -1)},"http":${requests}}`)
  },
  '/history': ({ system, history }) => json(system, JSON.stringify(history.report())),
  '/metrics': ({ system }) => {
    const text = metricsText(system.statistics(), reportRequests())
    return textResponse(system, 200, EXPOSITION_TYPE, text)
  },
  '/healthz': ({ system }) => {
    const isEnding = system.shutdown.aborted
    const text = isEnding ? 'shutting down\n' : 'ok\n'
    return textResponse(system, isEnding ? 503 : 200, 'text/plain; charset=utf-8', text)
  },
}

function json(system: AppSystem, text: string): Response {
  return textResponse(system, 200, 'application/json', `${text}\n`)
}

function answer(response: Response): Route {
  return { kind: 'answer', response }
}

function notAllowed(head: RequestHead, allow: string): Refusal {
  return refuse(405, `${head.path} does not take ${head.method}`, allow)
}

function switchOffload(system: AppSystem, word: string, on: boolean): Route {
  const sent = system.transmitOffloads()
  const received = system.receiveOffloads()
  const isSent = Object.hasOwn(sent, word)
  if (!isSent && !Object.hasOwn(received, word)) {
    const words = Object.keys({ ...sent, ...received }).join(', ') || 'none'
    return refuse(404, `offloads that can be switched: ${words}`)
  }
  const state = on ? 'on' : 'off'
  if (isSent) {
    system.switchTransmitOffload(word, on)
    system.info(`transmit offload ${word} is ${state}`)
  } else {
    system
      .switchReceiveOffload(word, on)
      .then(() => system.info(`receive offload ${word} is ${state}`))
      .catch((error: Error) => system.warn(error.message))
  }
  return answer(
    textResponse(system, 202, 'application/json', `${JSON.stringify({ [word]: on })}\n`),
  )
}

/** The answer of PUT /sink (kernel/README.md). */
export function sinkResponse(system: AppSystem, bytes: number, crc32: number): Response {
  const digits = (crc32 >>> 0).toString(16).padStart(8, '0')
  return textResponse(
    system,
    200,
    'application/json',
    `${JSON.stringify({ bytes, crc32: digits })}\n`,
  )
}
