/**
 * Says what takes long: on a terminal one line that moves and goes away again, elsewhere a plain
 * line or nothing.
 */

export interface ProgressStream {
  readonly isTTY?: boolean | undefined
  readonly columns?: number | undefined
  write(text: string): unknown
}

const STEP_MS = 250
/** A line that comes and goes at once only flickers. */
const DELAY_MS = 700
const ERASE_LINE = '\r\u001b[2K'
const FACES = ['⠋', '⠙', '⠸', '⠴', '⠦', '⠇']

export class Progress {
  private readonly stream: ProgressStream
  private readonly startedAt = performance.now()
  private readonly timer: NodeJS.Timeout
  private text: string
  private isShown = false
  private steps = 0

  /**
   * `plain`: say it where there is no terminal too, once and as a line of its own, when it takes
   * long.
   */
  constructor(text: string, options: { plain?: boolean; stream?: ProgressStream } = {}) {
    this.text = text
    this.stream = options.stream ?? process.stdout
    if (this.stream.isTTY === true) this.timer = setInterval(() => this.draw(), STEP_MS)
    else {
      this.timer = setTimeout(() => {
        if (options.plain === true) this.stream.write(`${this.text} …\n`)
      }, DELAY_MS)
    }
    this.timer.unref()
  }

  /** What it is about now. */
  update(text: string): void {
    this.text = text
  }

  /** Takes the line away. */
  end(): void {
    clearInterval(this.timer)
    if (this.isShown) this.stream.write(ERASE_LINE)
    this.isShown = false
  }

  private draw(): void {
    const elapsedMs = performance.now() - this.startedAt
    if (elapsedMs < DELAY_MS) return
    const face = FACES[this.steps++ % FACES.length]!
    const line = `${face} ${this.text} … ${Math.floor(elapsedMs / 1000)} s`
    // A line that wraps could not be taken away.
    this.stream.write(`${ERASE_LINE}${line.slice(0, (this.stream.columns || 80) - 1)}`)
    this.isShown = true
  }
}
