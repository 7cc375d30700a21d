/** Tells the date and the time since boot, and what the guest knows of both. */
import { system } from 'eremite'

export default {
  fetch: (request: Request): Response =>
    new URL(request.url).pathname === '/clock'
      ? Response.json(system.statistics().clock)
      : Response.json({ date: Date.now(), sinceBoot: performance.now() }),
}
