/**
 * Which settings shape a bundle: the nearest, what they extend, and those that would be nearer if
 * they were there.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { configurationFiles } from './configuration-files.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'configuration-files-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

function write(name: string, text = '{}'): void {
  mkdirSync(dirname(join(folder, name)), { recursive: true })
  writeFileSync(join(folder, name), text)
}

const found = (...inputs: string[]) =>
  configurationFiles(inputs.map((name) => join(folder, name)))
    .map((path) => path.slice(folder.length + 1))
    .sort()

it('follows extends through files, packages and lists, comments or not, and around a ring once', () => {
  write('package.json')
  write('app/tsconfig.json', '{ // mine\n "extends": ["../base", "@it/config/strict"], }')
  write('base.json', '{ "extends": "./app/tsconfig.json" }')
  write('node_modules/@it/config/strict.json')
  expect(found('app/main.ts')).toEqual([
    'app/package.json',
    'app/tsconfig.json',
    'base.json',
    'node_modules/@it/config/strict.json',
    'package.json',
  ])
})

it('of a package only its package.json matters', () => {
  write('tsconfig.json')
  write('package.json')
  write('node_modules/it/package.json')
  expect(found('src/main.ts', 'node_modules/it/dist/index.js')).toEqual([
    'node_modules/it/dist/package.json',
    'node_modules/it/package.json',
    'package.json',
    'src/jsconfig.json',
    'src/package.json',
    'src/tsconfig.json',
    'tsconfig.json',
  ])
})
