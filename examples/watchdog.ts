/**
 * Timers, and an error: feeds a watchdog three times, then forgets it. The guest ends with the
 * stack of the async functions in this file, and make run with a failing status.
 *
 * make run APP=examples/watchdog.ts
 */

const PATIENCE_MS = 300
const FEED_MS = 100

class Watchdog {
  private timer: number | undefined

  feed(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.bark(), PATIENCE_MS)
  }

  private async bark(): Promise<void> {
    await Promise.resolve()
    throw new Error(`nobody fed the watchdog for ${PATIENCE_MS} ms`)
  }
}

const watchdog = new Watchdog()
watchdog.feed()

let meals = 0
const feeding = setInterval(() => {
  watchdog.feed()
  console.log(`fed ${++meals} times`)
  if (meals === 3) clearInterval(feeding)
}, FEED_MS)
