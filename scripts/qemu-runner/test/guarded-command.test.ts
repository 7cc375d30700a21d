/** Commands that die with this process: also when it dies while they are being started. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'
import { guarded } from '../src/index.ts'

const run = promisify(execFile)

it('run with their words as they are', async () => {
  const [program, ...words] = guarded(['printf', '%s|', 'two words', "it's", '$HOME', ''])
  expect((await run(program!, words)).stdout).toBe("two words|it's|$HOME||")
})

it('end as the program does', async () => {
  const [program, ...words] = guarded(['sh', '-c', 'exit 7'])
  await expect(run(program!, words)).rejects.toMatchObject({ code: 7 })
})

it('do not start at all once their parent has gone, which the kernel would not tell them later', async () => {
  // The shell stands for whoever adopts an orphan: it is not this process.
  const { stdout, stderr } = await run('sh', [
    '-c',
    '"$@"; true',
    'sh',
    ...guarded(['echo', 'ran']),
  ])
  expect(stdout).toBe('')
  expect(stderr).toContain('qemu-runner: not started')
})
