/** `node:timers`: the global timers, and those of setImmediate. */
import type { AppGlobals } from '../../globals/app-globals.ts'
import { clearImmediate, setImmediate } from './immediate.ts'

export const { clearInterval, clearTimeout, setInterval, setTimeout } =
  globalThis as unknown as AppGlobals
export { clearImmediate, setImmediate }

export default {
  ...{ clearImmediate, clearInterval, clearTimeout, setImmediate, setInterval, setTimeout },
}
