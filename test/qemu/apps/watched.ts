/**
 * An app that shows its own page, metrics and health, and answers slowly or with an error when
 * asked to.
 */
import { dashboard, metrics } from 'eremite'

let isWell = true

async function answer(request: Request): Promise<Response> {
  const { pathname } = new URL(request.url)
  if (pathname === '/metrics') return metrics(request)
  if (pathname.startsWith('/status')) return dashboard(request)
  if (pathname === '/slow') await new Promise<void>((resolve) => setTimeout(() => resolve(), 300))
  if (pathname === '/ill') isWell = false
  return new Response(pathname, { status: pathname === '/gone' ? 410 : 200 })
}

export default { fetch: answer, health: () => isWell }
