/**
 * The status page, which the built-in app and `dashboard` serve, and what a response with it says
 * to browsers.
 */
/// <reference path="../../text-module.d.ts" />
import page from './page.html'

export const PAGE: string = page

/**
 * The page brings everything along and asks nobody but this guest. Its one style and one script
 * stand in the page itself, which is why they are allowed inline; whatever the script shows it sets
 * as text, never as markup.
 */
const POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; " +
  "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

export const PAGE_FIELDS = {
  'Content-Security-Policy': POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
} as const
