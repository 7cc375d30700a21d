/**
 * An app whose lines begin anywhere in memory and hold their first instruction twice: for the
 * debugger, which must stop once at each.
 */
let total = 0

function walk(): void {
  total = Math.max(1, Math.abs(total)) // step
  total = Math.max(100, Math.abs(total)) // step
  total = Math.max(1000, Math.abs(total)) // step
  total = Math.max(100_000, Math.abs(total)) // step
  total = Math.max(0.5, Math.abs(total)) // step
  total = Math.max(2, Math.abs(total)) // step
  total = Math.max(200, Math.abs(total)) // step
  total = Math.max(2000, Math.abs(total)) // step
}

walk()
