/**
 * Settings, secrets and files reach the app: by the command line, and by fw_cfg, which no list of
 * processes shows.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { ROOT } from './support/paths.ts'
import { awaitReady } from './support/site.ts'

const CONTENT = Uint8Array.from({ length: 100_000 }, (_, at) => (at * 7) % 256)

test.override('guest', {
  ...GUEST,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80, hostPort: 0 }] }],
})

describe.each(['q35', 'microvm'] as const)('on %s', (machine) => {
  test('an app finds env, process.env and files', async ({ folder, launchGuest }) => {
    writeFileSync(join(folder, 'env'), '# mine\nSECRET="a b"\nNAME=file\n')
    writeFileSync(join(folder, 'content'), CONTENT)
    const vm = await launchGuest({
      machine,
      initrd: await buildApp('settings.ts'),
      append: { 'env.NAME': 'given', 'env.URL': 'http://a/?b=c' },
      extraArguments: [
        ...['-fw_cfg', `name=opt/eremite/env,file=${join(folder, 'env')}`],
        ...['-fw_cfg', `name=opt/eremite/files/content.bin,file=${join(folder, 'content')}`],
      ],
    })
    await awaitReady(vm)
    const site = `http://127.0.0.1:${await vm.forwardedPort(80)}`
    const env = { SECRET: 'a b', NAME: 'given', URL: 'http://a/?b=c' }
    const told = await (await fetch(site)).json()
    expect(told).toEqual({ env, same: env, NODE_ENV: 'production', files: ['content.bin'] })
    const content = await (await fetch(`${site}/content.bin`)).arrayBuffer()
    expect(new Uint8Array(content)).toEqual(CONTENT)
    expect((await fetch(`${site}/other`)).status).toBe(404)
    expect(execFileSync('ps', ['-o', 'args=', '-p', String(vm.pid)]).toString()).not.toMatch(
      /SECRET|a b/,
    )
  })
})

test('without any, env is empty, and a file of bad lines ends the guest with their number', async ({
  folder,
  launchGuest,
}) => {
  const initrd = await buildApp('settings.ts')
  const plain = await launchGuest({ initrd })
  await awaitReady(plain)
  const site = `http://127.0.0.1:${await plain.forwardedPort(80)}`
  expect(await (await fetch(site)).json()).toMatchObject({ env: {}, files: [] })
  writeFileSync(join(folder, 'env'), 'A=1\nno setting\n')
  const extraArguments = ['-fw_cfg', `name=opt/eremite/env,file=${join(folder, 'env')}`]
  const vm = await launchGuest({ initrd, extraArguments })
  expect((await vm.exited).kind).toBe('guest-failure')
  expect(vm.console.text).toContain('Cannot use opt/eremite/env: line 2 is not NAME=value')
})

test('make run FILES= hands the files of a folder over, and refuses what QEMU could not', ({
  folder,
}) => {
  const files = join(folder, 'my, files')
  mkdirSync(join(files, 'tls'), { recursive: true })
  writeFileSync(join(files, 'a,b.txt'), 'first')
  writeFileSync(join(files, 'tls/key.pem'), 'second')
  writeFileSync(
    join(folder, 'shows.ts'),
    `import { files, listen } from 'eremite'
    listen({ port: 7 })
    console.log(files.names().map((name) => name + '=' + files.text(name)).join(' '))\n`,
  )
  const run = (path: string) =>
    spawnSync('make', ['run', `APP=${join(folder, 'shows.ts')}`, `FILES=${path}`, 'LOG=info'], {
      ...{ cwd: ROOT, encoding: 'utf8', timeout: 60_000 },
      env: { ...process.env, ACCEL: 'tcg' },
    })
  expect(run(files).stdout).toMatch(/a,b\.txt=first tls\/key\.pem=second/)
  expect(run(join(folder, 'none')).stderr).toMatch(
    /^run: Cannot use FILES=.*none: there is no such folder\. Next: give the folder that holds them/m,
  )
})

test('make run ENV= hands the file over, and refuses a bad one before it builds', ({ folder }) => {
  const env = join(folder, 'it.env')
  writeFileSync(env, 'NAME="from a file"\n')
  const run = (words: string[]) =>
    spawnSync('make', ['run', ...words], { cwd: ROOT, encoding: 'utf8', timeout: 60_000 })
  writeFileSync(
    join(folder, 'says.ts'),
    "import { listen } from 'eremite'\nlisten({ port: 7 })\nconsole.log('it is', process.env.NAME)\n",
  )
  const good = run([`APP=${join(folder, 'says.ts')}`, `ENV=${env}`, 'LOG=info', 'ACCEL=tcg'])
  expect(good.stdout).toMatch(/it is from a file/)
  writeFileSync(env, 'NAME="from')
  const bad = run([`ENV=${env}`])
  expect(bad.stderr).toMatch(/^run: Cannot use ENV=.*: the quotes of line 1 do not match\. Next: /m)
  expect(bad.stdout).not.toMatch(/Built|Up to date/)
})
