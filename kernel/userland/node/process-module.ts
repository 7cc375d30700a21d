/** `node:process`: the global of that name. */
import { process } from './process.ts'

export const {
  argv,
  cwd,
  emitWarning,
  env,
  hrtime,
  nextTick,
  platform,
  uptime,
  version,
  versions,
} = process

export default process
