/** The web globals that open connections, bundled into an app that names them; only in the guest is there an `eremite`. */
import { connect, system } from 'eremite'
import { contentBudget } from './content-budget.ts'
import { createFetch } from './fetch-client.ts'

contentBudget.useHeap(system)
export const fetch = /* @__PURE__ */ createFetch(connect)
