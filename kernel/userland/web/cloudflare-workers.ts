/**
 * The module `cloudflare:workers`: packages that know the condition `workerd` ask it for the app's
 * settings.
 */
export { env } from 'eremite'
