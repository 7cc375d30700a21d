/** A build step runs when, and only when, something it depends on has changed. */
import { cpSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runStep } from './step.ts'

let directory = ''
let input = ''
let output = ''
let runs = 0

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'step-'))
  input = join(directory, 'input')
  output = join(directory, 'output')
  runs = 0
  writeFileSync(input, 'one')
  // What is written in the millisecond in which a step begins is taken for changed while it ran.
  utimesSync(input, new Date(), new Date(Date.now() - 1000))
})
afterEach(() => rmSync(directory, { recursive: true }))

function step(key = 'flags'): Promise<boolean> {
  const run = async () => {
    runs++
    writeFileSync(output, `${runs}`)
    return [input]
  }
  return runStep({ outputs: [output], key, run })
}

describe('runStep', () => {
  it('runs the first time and not again', async () => {
    expect(await step()).toBe(true)
    expect(await step()).toBe(false)
    expect(runs).toBe(1)
  })

  it('runs when the content of an input changes', async () => {
    await step()
    writeFileSync(input, 'two!')
    expect(await step()).toBe(true)
  })

  it('runs when content of the same length changes', async () => {
    await step()
    writeFileSync(input, 'two')
    utimesSync(input, new Date(), new Date(Date.now() + 5000))
    expect(await step()).toBe(true)
  })

  it('runs when an input was written while it ran, and may have been read before', async () => {
    const run = async () => {
      writeFileSync(output, 'of one')
      await setTimeout(20)
      writeFileSync(input, 'two')
      return [input]
    }
    expect(await runStep({ outputs: [output], key: 'flags', run })).toBe(true)
    expect(await step()).toBe(true)
    expect(await step()).toBe(false)
  })

  it('does not run when an input was only touched', async () => {
    await step()
    utimesSync(input, new Date(), new Date(Date.now() + 5000))
    expect(await step()).toBe(false)
  })

  it('runs when the key changes', async () => {
    await step()
    expect(await step('other flags')).toBe(true)
  })

  it('runs in a copy of the folder, whose inputs are others', async () => {
    await step()
    const copy = `${directory}-copy`
    cpSync(directory, copy, { recursive: true, preserveTimestamps: true })
    try {
      const original = input
      input = join(copy, 'input')
      output = join(copy, 'output')
      expect(await step()).toBe(true)
      writeFileSync(original, 'two!')
      expect(await step()).toBe(false)
    } finally {
      rmSync(copy, { recursive: true })
    }
  })

  it('runs when the output or an input is gone', async () => {
    await step()
    rmSync(output)
    expect(await step()).toBe(true)
    rmSync(input)
    expect(await step()).toBe(true)
  })

  it('runs when a file comes that was looked for and not there', async () => {
    rmSync(input)
    await step()
    expect(await step()).toBe(false)
    writeFileSync(input, 'one')
    expect(await step()).toBe(true)
  })

  it('runs again after a failure', async () => {
    const failing = {
      outputs: [output] as [string],
      key: 'flags',
      run: () => Promise.reject(new Error('no')),
    }
    await expect(runStep(failing)).rejects.toThrow('no')
    expect(await step()).toBe(true)
  })
})
