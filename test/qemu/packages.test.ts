/**
 * The table of npm packages in docs/apps.md is what became of each in a guest; PACKAGES=write
 * renews it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BuildFailure, build } from 'esbuild'
import { expect } from 'vitest'
import { bundleApp } from '../../scripts/build/app-bundle.ts'
import { formatBuildErrors } from '../../scripts/build/build-message.ts'
import { NEEDS_NODE } from './packages/needs-node.ts'
import { buildApp } from './support/build-app.ts'
import { GUEST, test } from './support/fixtures.ts'
import { ROOT } from './support/paths.ts'
import { awaitReady } from './support/site.ts'

const DOCUMENT = join(ROOT, 'docs/apps.md')
const BEGIN = '<!-- packages: written by test/qemu/packages.test.ts -->\n'
const END = '<!-- packages: end -->\n'
const LEAST_PACKAGES = 40
/** Building and loading some fifty packages takes half a minute where nothing else runs. */
const TIMEOUT_MS = 120_000

test.override('guest', {
  ...GUEST,
  memoryMiB: 128,
  network: [{ kind: 'user', forwards: [{ protocol: 'tcp', guestPort: 80, hostPort: 0 }] }],
})

function versionOf(name: string): string {
  const manifest = readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8')
  return (JSON.parse(manifest) as { version: string }).version
}

function rowOf(group: string, names: string, problem: string | null): string {
  const versions = names.split(' and ').map((name) => `\`${name}\` ${versionOf(name)}`)
  const result = problem === null ? 'works' : `no: ${problem.replaceAll('|', '\\|')}`
  return `| ${versions.join(', ')} | ${group} | ${result} |\n`
}

/** The first thing that its bundle misses, in the builder's own words. */
async function missingIn(name: string): Promise<string> {
  const failure = await bundleApp(
    build as never,
    {
      ...{ absWorkingDir: ROOT, bundle: true, write: false, format: 'esm', metafile: true },
      ...{ external: ['eremite'], logLevel: 'silent', outfile: 'unused.js' },
    },
    ROOT,
    join(ROOT, 'node_modules', name),
  ).then(
    () => undefined,
    (error: BuildFailure) => formatBuildErrors(error.errors, ROOT),
  )
  return /Could not resolve ("[^"]+"): (the guest is not Node\.js)/.exec(failure ?? '')![0]
}

test('each package does in a guest what the table says of it', { timeout: TIMEOUT_MS }, async ({
  launchGuest,
}) => {
  const vm = await launchGuest({ initrd: await buildApp('packages.ts') })
  await awaitReady(vm)
  const site = `http://127.0.0.1:${await vm.forwardedPort(80)}`
  const results = (await (await fetch(site)).json()) as Record<
    string,
    Record<string, string | null>
  >
  let rows = ''
  for (const [group, found] of Object.entries(results)) {
    for (const [name, problem] of Object.entries(found)) rows += rowOf(group, name, problem)
  }
  for (const [name, group] of Object.entries(NEEDS_NODE)) {
    rows += rowOf(group, name, await missingIn(name))
  }
  const table = `${BEGIN}\n| package | for | in a guest |\n| --- | --- | --- |\n${rows}\n${END}`
  expect(rows.split('\n').length - 1).toBeGreaterThanOrEqual(LEAST_PACKAGES)

  const document = readFileSync(DOCUMENT, 'utf8')
  const [before, rest] = document.split(BEGIN)
  const after = rest!.split(END)[1]!
  if (process.env.PACKAGES === 'write') writeFileSync(DOCUMENT, before + table + after)
  else expect(document).toBe(before + table + after)
})
