/** Where downloads are kept between builds. */
import { homedir } from 'node:os'
import { join } from 'node:path'

/** `${XDG_CACHE_HOME:-~/.cache}/eremite` */
export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'eremite')
}
