/**
 * Runs the check of each package and answers with what became of it: null, or why it does not work.
 */
import { auth, rendering, routers, utilities, validation } from '../packages/checks.ts'

const groups = { routers, validation, auth, rendering, utilities }

async function resultsOf(): Promise<Record<string, Record<string, string | null>>> {
  const results: Record<string, Record<string, string | null>> = {}
  for (const [group, checks] of Object.entries(groups)) {
    const found: Record<string, string | null> = {}
    for (const [name, check] of Object.entries(checks)) {
      found[name] = await check().then(
        () => null,
        (error: unknown) => String(error),
      )
    }
    results[group] = found
  }
  return results
}

export default { fetch: async (): Promise<Response> => Response.json(await resultsOf()) }
