/** What QEMU could not hand to the guest is refused before anything is built. */
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { appFileArguments, checkAppFiles } from '../app-files.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-files-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const add = (...names: string[]) => {
  for (const name of names) writeFileSync(join(folder, name), name)
}

it('takes the files of a folder and of those in it, in order, commas as QEMU wants them', () => {
  mkdirSync(join(folder, 'tls'))
  add('tls/key.pem', 'b', 'a,1')
  expect(appFileArguments(checkAppFiles(folder))).toEqual([
    '-fw_cfg',
    `name=opt/eremite/files/a,,1,file=${folder}/a,,1`,
    '-fw_cfg',
    `name=opt/eremite/files/b,file=${folder}/b`,
    '-fw_cfg',
    `name=opt/eremite/files/tls/key.pem,file=${folder}/tls/key.pem`,
  ])
  expect(checkAppFiles(undefined)).toEqual([])
})

it.each([
  [13, 'x', /it holds 13 files, and QEMU hands over 12 at most/],
  [1, 'x'.repeat(37), /the name x+1 is too long/],
  [1, 'schlüssel', /the name schlüssel1 has others/],
])('refuses %i files named %s', (count, name, message) => {
  for (let index = 1; index <= count; index++) add(`${name}${index}`)
  expect(() => checkAppFiles(folder)).toThrow(message)
})

it('refuses a file that is too large, and what is no folder', () => {
  add('large')
  truncateSync(join(folder, 'large'), (16 << 20) + 1)
  expect(() => checkAppFiles(folder)).toThrow(/large has 16777217 bytes/)
  expect(() => checkAppFiles(join(folder, 'large'))).toThrow(/it is no folder/)
  expect(() => checkAppFiles(join(folder, 'none'))).toThrow(/there is no such folder/)
})
