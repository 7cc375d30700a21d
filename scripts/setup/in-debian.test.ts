/**
 * in-debian.sh before it installs anything: what it refuses, and where it finds Debian in apt's own
 * configuration.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { requireExecutable } from 'qemu-runner'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const SETUP = import.meta.dirname
const OWN_FAILURE = 125

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'eremite-in-debian-'))
  mkdirSync(join(folder, 'bin'))
  for (const parts of ['sources.list.d', 'apt.conf.d', 'preferences.d']) {
    mkdirSync(join(folder, 'apt', parts), { recursive: true })
  }
  mkdirSync(join(folder, 'lists/partial'), { recursive: true })
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A command that stands in front of the real one. */
function command(name: string, script: string): void {
  const path = join(folder, 'bin', name)
  writeFileSync(path, `#!${requireExecutable('bash')}\n${script}\n`)
  chmodSync(path, 0o755)
}

/** An apt with these files of sources and settings, no lists, and nothing of this machine's. */
function apt(files: Readonly<Record<string, string>>, settings = ''): void {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, 'apt', name), text)
  const own = [
    `Dir::Etc "${join(folder, 'apt')}/";`,
    `Dir::State::lists "${join(folder, 'lists')}/";`,
    `APT::Architecture "amd64";`,
  ]
  writeFileSync(join(folder, 'apt.conf'), `${own.join('\n')}\n${settings}`)
}

function bash(words: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(requireExecutable('bash'), words, {
    env: {
      PATH: `${join(folder, 'bin')}:${process.env.PATH}`,
      HOME: folder,
      APT_CONFIG: join(folder, 'apt.conf'),
      ...environment,
    },
    encoding: 'utf8',
  })
  return { status, stdout, lines: stderr.trim().split('\n').filter(Boolean) }
}

/** What a function of debian-archive.sh says. */
function ask(call: string) {
  const { status, stdout } = bash(['-c', `. ${join(SETUP, 'debian-archive.sh')}; ${call}`])
  return { status, said: stdout.trim() }
}

describe('in-debian.sh', () => {
  const run = (...words: string[]) => bash([join(SETUP, 'in-debian.sh'), ...words])

  it.each([
    [[], /^in-debian: No release and no command given\. Next: .*in-debian\.sh 13 make test$/],
    [['14', 'make'], /^in-debian: Cannot take '14' as the release: it may be 12 or 13\. Next: /],
    [['trixie', 'make'], /^in-debian: Cannot take 'trixie' as the release: it may be 12 or 13\. /],
    [['make', 'test'], /^in-debian: Cannot take 'make' as the release: /],
    [['', 'make'], /^in-debian: Cannot take '' as the release: /],
    [['13'], /^in-debian: No command given to run in Debian 13\. Next: /],
  ])('refuses %j in one line', (words, line) => {
    const { status, lines } = run(...words)
    expect(status).toBe(OWN_FAILURE)
    expect(lines).toEqual([expect.stringMatching(line)])
  })

  it('tells an ordinary user how to run it as root', () => {
    command('id', 'echo 1000')
    const { status, lines } = run('13', 'make', 'test')
    expect(status).toBe(OWN_FAILURE)
    expect(lines).toEqual([
      'in-debian: Needs root, for mounts and devices. Next: sudo scripts/setup/in-debian.sh 13 make test',
    ])
  })

  describe('as root, with all its tools', () => {
    beforeEach(() => {
      command('id', 'echo 0')
      command('debootstrap', 'exit 1')
    })

    it('asks for a mirror where apt knows no Debian archive, and installs nothing', () => {
      apt({ 'sources.list': 'deb http://mirror.example/ubuntu noble main\n' })
      const { status, lines } = run('13', 'true')
      expect(status).toBe(OWN_FAILURE)
      expect(lines).toEqual([
        'in-debian: The sources of apt name no Debian archive (a URI that ends in /debian). ' +
          'Next: set DEBIAN_MIRROR to the URI of one, then run this again',
      ])
    })

    it('refuses a mirror that the new Debian could not reach', () => {
      apt({ 'sources.list': 'deb file:/srv/mirror/debian bookworm main\n' })
      const { status, lines } = run('13', 'true')
      expect(status).toBe(OWN_FAILURE)
      expect(lines).toEqual([
        expect.stringMatching(
          /^in-debian: Cannot install from file:\/srv\/mirror\/debian: it is neither http nor https\. Next: /,
        ),
      ])
    })
  })
})

describe('the Debian archive', () => {
  const ARCHIVE = 'http://mirror.example/debian'
  const SECURITY = 'http://security.example/debian-security'

  it('is found in lines, with options, behind archives of others that have Debian’s suites too', () => {
    apt({
      'sources.list': [
        '# deb http://comment.example/debian bookworm main',
        'deb https://vendor.example/linux/debian bookworm stable',
        'deb https://vendor.example bookworm main',
        'deb [arch=amd64] http://security.example/debian-security bookworm-security main',
        'deb http://backports.example/debian bookworm-backports main',
        'deb-src http://sources.example/debian bookworm main',
        `deb [arch=amd64 trusted=yes] ${ARCHIVE}/ bookworm contrib main`,
      ].join('\n'),
    })
    expect(ask('debian_mirror')).toEqual({ status: 0, said: ARCHIVE })
    expect(ask('debian_security_mirror')).toEqual({ status: 0, said: SECURITY })
  })

  it('is found in deb822 stanzas, those that are switched off left out', () => {
    const stanza = (uris: string, suites: string, more = '') =>
      `Types: deb deb-src\nURIs: ${uris}\nSuites: ${suites}\nComponents: main\n${more}`
    apt({
      'sources.list.d/debian.sources': [
        stanza('http://off.example/debian', 'bookworm', 'Enabled: no\n'),
        stanza(ARCHIVE, 'bookworm bookworm-updates'),
        stanza(SECURITY, 'bookworm-security'),
      ].join('\n'),
    })
    expect(ask('debian_mirror')).toEqual({ status: 0, said: ARCHIVE })
    expect(ask('debian_security_mirror')).toEqual({ status: 0, said: SECURITY })
  })

  it('is the first of a list of mirrors', () => {
    const list = join(folder, 'mirrors.list')
    writeFileSync(list, `# ours\n${ARCHIVE}\tpriority:1\nhttp://second.example/debian\n`)
    expect(ask(`plain_uri mirror+file:${list}`)).toEqual({ status: 0, said: ARCHIVE })
    apt({ 'sources.list': `deb mirror+file:${folder}/debian bookworm main\n` })
    writeFileSync(join(folder, 'debian'), `${ARCHIVE}\n`)
    expect(ask('debian_mirror')).toEqual({ status: 0, said: ARCHIVE })
  })

  it('may be missing, and so may security updates', () => {
    apt({ 'sources.list': `deb ${ARCHIVE} bookworm main\n` })
    expect(ask('debian_security_mirror')).toEqual({ status: 1, said: '' })
    apt({ 'sources.list': '' })
    expect(ask('debian_mirror')).toEqual({ status: 1, said: '' })
  })

  it('serves either release', () => {
    expect(ask('debian_codename 12').said).toBe('bookworm')
    expect(ask(`debian_sources "$(debian_codename 13)" ${ARCHIVE} ${SECURITY}`).said).toBe(
      [
        `deb ${ARCHIVE} trixie main`,
        `deb ${ARCHIVE} trixie-updates main`,
        `deb ${SECURITY} trixie-security main`,
      ].join('\n'),
    )
    expect(ask(`debian_sources bookworm ${ARCHIVE}`).said).not.toContain('security')
  })
})

describe('the settings of apt', () => {
  it('that lead to the archive are carried over, those that name files of this machine are not', () => {
    apt(
      {},
      `Acquire::http::Proxy "http://proxy.example:3142";
       Acquire::https::Proxy "DIRECT";
       Acquire::https::CaInfo "/etc/ssl/own.pem";
       Acquire::https::mirror.example::CaInfo "/etc/ssl/one.pem";
       Acquire::http::Proxy-Auto-Detect "/usr/bin/auto-detect";
       Acquire::https::SslKey "/etc/ssl/private/key.pem";
       Acquire::Check-Valid-Until "false";
       DPkg::Post-Invoke { "true"; };
      `,
    )
    expect(ask('apt_settings').said.split('\n').sort()).toEqual([
      'Acquire::Check-Valid-Until "false";',
      'Acquire::http::Proxy "http://proxy.example:3142";',
      'Acquire::https::Proxy "DIRECT";',
    ])
    expect(ask('apt_authorities').said.split('\n').sort()).toEqual([
      '/etc/ssl/one.pem',
      '/etc/ssl/own.pem',
    ])
    expect(ask('apt_proxy').said).toBe('http://proxy.example:3142')
  })
})
