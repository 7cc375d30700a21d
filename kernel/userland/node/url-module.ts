/** `node:url`, as far as it is about web URLs, and paths of `file:` URLs. */
import { URL } from '../web/url.ts'
import { URLSearchParams } from '../web/url-search-params.ts'

export { URL, URLSearchParams }

/**
 * The path in a `file:` URL without a host. Throws TypeError for any other, and for one that hides
 * a slash.
 */
export function fileURLToPath(url: string | { readonly href: string }): string {
  const text = typeof url === 'string' ? url : url?.href
  const path = /^file:(?:\/\/(?:localhost)?)?(\/(?!\/)[^?#]*)/i.exec(text)?.[1]
  if (path === undefined) throw new TypeError(`Cannot make a path of ${text}: it is no file: URL`)
  if (/%2f/i.test(path)) {
    throw new TypeError(`Cannot make a path of ${text}: it must not include encoded / characters`)
  }
  return decodeURIComponent(path)
}

export default { fileURLToPath, URL, URLSearchParams }
