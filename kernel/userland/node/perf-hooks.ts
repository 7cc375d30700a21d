/** `node:perf_hooks`: the clock that is a global here. */
import type { AppGlobals } from '../../globals/app-globals.ts'

export const { performance } = globalThis as unknown as AppGlobals

export default { performance }
