/**
 * The web globals that open connections, bundled into an app that names them; only in the guest is
 * there an `eremite`.
 */
import { connect, system } from 'eremite'
import { createFetch } from './fetch-client.ts'
import { createWebSocket } from './websocket/web-socket-client.ts'
import { createWebSocketPair } from './websocket/web-socket-pair.ts'

export const fetch = /* @__PURE__ */ createFetch(connect, system)
export const WebSocket = /* @__PURE__ */ createWebSocket(connect, system)
export const WebSocketPair = /* @__PURE__ */ createWebSocketPair(system)
