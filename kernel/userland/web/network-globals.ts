/**
 * The web globals that open connections, bundled into an app that names them; only in the guest is
 * there an `eremite`.
 */
import { connect, system } from 'eremite'
import { createFetch } from './fetch-client.ts'

export const fetch = /* @__PURE__ */ createFetch(connect, system)
