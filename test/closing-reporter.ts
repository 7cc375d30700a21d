/**
 * A reporter that says in one line each, when all is done, which tests failed and which passed at
 * the second attempt only, so that the end of a long log is enough to know.
 */
import { relative } from 'node:path'
import type { Reporter, TestCase, TestModule } from 'vitest/node'

const COLORS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, 'g')

/** The first line of a message, without colors. */
function firstLine(message: string | undefined): string {
  return (message ?? 'no message').replaceAll(COLORS, '').split('\n', 1)[0]!
}

function linesOf(test: TestCase, file: string): string[] {
  const { state, errors } = test.result()
  const name = `${file} > ${test.fullName}`
  if (state === 'failed') return [`FAILED ${name}: ${firstLine(errors[0]?.message)}`]
  if (test.diagnostic()?.flaky !== true) return []
  return [`SECOND ATTEMPT ${name}: at first ${firstLine(errors?.[0]?.message)}`]
}

export default class ClosingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const lines = modules.flatMap((module) => {
      const file = relative(process.cwd(), module.moduleId)
      const broken = module.errors().map((error) => `FAILED ${file}: ${firstLine(error.message)}`)
      const tests = [...module.children.allTests()].flatMap((test) => linesOf(test, file))
      return [...broken, ...tests]
    })
    if (lines.length > 0) process.stdout.write(`\n${lines.join('\n')}\n`)
  }
}
