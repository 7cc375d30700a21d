/** A KVM that does not work is waited for once, and asked again when anything has changed. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AcceleratorChoice, AcceleratorRequest } from 'qemu-runner'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { chooseRemembered } from '../accelerator-memory.ts'

let folder = ''
let asked = 0
let answer: AcceleratorChoice
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-memory-'))
  asked = 0
  answer = { accelerator: 'tcg', why: 'no sign of life' }
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

function choose(request: AcceleratorRequest, machine = 'this boot') {
  const choose = async () => {
    asked++
    return answer
  }
  const memory = { path: join(folder, 'kvm.json'), choose, machine: () => machine }
  return chooseRemembered(request, {}, memory)
}

it('remembers why KVM was refused, and says how to try again', async () => {
  expect(await choose('auto')).toEqual({ accelerator: 'tcg', why: 'no sign of life' })
  const again = await choose('auto')
  expect(again).toEqual({ accelerator: 'tcg', why: 'no sign of life; ACCEL=kvm tries again' })
  expect(asked).toBe(1)
})

it('asks anew on another boot, and whenever KVM is asked for', async () => {
  await choose('auto')
  await choose('auto', 'another boot')
  await choose('kvm', 'another boot')
  expect(asked).toBe(3)
})

it('never remembers that KVM works: the proof is quick, and it may stop working', async () => {
  answer = { accelerator: 'kvm', why: 'it reported back' }
  for (let count = 1; count <= 3; count++) {
    expect(await choose('auto')).toEqual(answer)
    expect(asked).toBe(count)
  }
})
