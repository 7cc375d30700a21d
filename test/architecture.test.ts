/**
 * The architecture as rules that fail: who may import whom, no cycles, file headers, and features
 * bound to tests.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const ROOT = new URL('..', import.meta.url).pathname
const GUEST_FOLDERS = ['kernel', 'drivers', 'net']

interface Import {
  /** Path of the importing file, relative to the root. */
  readonly from: string
  /** Path of the imported file relative to the root, or a bare module name. */
  readonly to: string
  readonly typeOnly: boolean
}

function sourceFiles(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
    .filter((path) => !path.includes('node_modules'))
    .sort()
}

function importsOf(file: string): Import[] {
  const text = readFileSync(join(ROOT, file), 'utf8')
  const statement = /^\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?'([^']+)'/gm
  const found: Import[] = []
  for (const match of text.matchAll(statement)) {
    const specifier = match[2]!
    const to = specifier.startsWith('.') ? normalize(join(dirname(file), specifier)) : specifier
    found.push({ from: file, to, typeOnly: match[1] !== undefined })
  }
  return found
}

const files = GUEST_FOLDERS.flatMap(sourceFiles)
const imports = files.flatMap(importsOf)

/** Layers of net/, lowest first: a file may import its own layer and those before it. */
const NET_LAYERS = ['wire', 'storage', 'phy', 'iface', 'socket', 'api', 'capture']

function netLayer(path: string): number {
  return NET_LAYERS.indexOf(path.split('/')[1] ?? '')
}

/** What the build puts around an app that exports `fetch`. */
const WEB_ENTRY = 'kernel/userland/web/main.ts'
/** Web globals that need the guest: `fetch` opens connections. */
const WEB_SUBTLE = 'kernel/userland/web/install-subtle.ts'
const WEB_SETTINGS = 'kernel/userland/web/cloudflare-workers.ts'
const WEB_NETWORK = 'kernel/userland/web/network-globals.ts'

/** What apps get under the name `eremite`, and what of it is bundled into them. */
const APP_MODULE = 'kernel/userland/eremite-module.ts'
const STATUS_HANDLERS = 'kernel/userland/status/handlers.ts'

/** The files that put hal, drivers, stack and app together: the root and its rooms. */
const COMPOSITION = new Set([
  'kernel/main.ts',
  'kernel/devices.ts',
  'kernel/network.ts',
  'kernel/read-command-line.ts',
  'kernel/unused-devices.ts',
  'kernel/hot-plug.ts',
  'kernel/ready.ts',
  'kernel/eremite.ts',
])

/** What apps that use streams, compression, URL patterns, Buffer or paths carry. */
const APP_PACKAGES =
  /^(?:web-streams-polyfill|fflate|urlpattern-polyfill\/urlpattern|buffer\/index\.js|path-browserify)$/

/** Why this import is not allowed, or null. */
function violation(edge: Import): string | null {
  const { from, to, typeOnly } = edge
  const bare = !to.includes('/') || APP_PACKAGES.test(to) || /^(?:eremite|@)/.test(to)
  if (bare) {
    if (to === 'eremite:native') {
      return from === 'kernel/hal/native-hal.ts'
        ? null
        : 'only kernel/hal/native-hal.ts names the C table'
    }
    if (to === 'eremite') {
      return from.startsWith('kernel/userland/services/') ||
        from === STATUS_HANDLERS ||
        from === APP_MODULE ||
        from === WEB_SUBTLE ||
        from.startsWith('kernel/userland/node/') ||
        from === WEB_ENTRY ||
        from === WEB_NETWORK ||
        from === WEB_SETTINGS
        ? null
        : 'only apps import eremite'
    }
    if (to === 'eremite:app') {
      return from === WEB_ENTRY ? null : 'only what is bundled around an app names it'
    }
    if (APP_PACKAGES.test(to)) {
      return /^kernel\/userland\/(?:web|node)\//.test(from)
        ? null
        : 'packages are bundled only into apps'
    }
    return 'the image has no npm dependency'
  }
  if (from.startsWith('net/')) {
    if (!to.startsWith('net/')) return 'net/ imports nothing outside net/'
    if (netLayer(from) < 0) return 'every file of net/ lies in a layer'
    if (from.startsWith('net/iface/') && /^net\/wire\/tcp(?:-|\.)/.test(to)) {
      return "TCP fields are TCP's: net/iface asks net/wire/transport-header.ts"
    }
    return netLayer(to) <= netLayer(from) ? null : 'dependencies of net/ point down'
  }
  if (from.startsWith('drivers/')) {
    if (to.startsWith('drivers/')) return null
    if (
      to === 'net/phy/net-device.ts' ||
      to === 'net/phy/offload.ts' ||
      to === 'net/phy/transmit-record.ts' ||
      to === 'net/storage/buffer.ts'
    ) {
      return typeOnly || to === 'net/phy/offload.ts' ? null : 'drivers take only types from net/phy'
    }
    return 'drivers/ imports drivers/ and the types of net/phy it implements'
  }
  if (from.startsWith('kernel/hal/')) {
    if (to.startsWith('kernel/hal/')) return null
    return typeOnly && to.startsWith('drivers/')
      ? null
      : 'kernel/hal implements what drivers ask for, and imports nothing else'
  }
  if (from.startsWith('kernel/userland/http/')) {
    if (to.startsWith('kernel/userland/http/')) return null
    return typeOnly && to.startsWith('net/')
      ? null
      : 'kernel/userland/http is shared by apps and imports only itself'
  }
  if (from.startsWith('kernel/userland/services/')) {
    if (/^kernel\/userland\/(?:services|http|status)\//.test(to) && to !== STATUS_HANDLERS) {
      return null
    }
    return typeOnly && to.startsWith('net/')
      ? null
      : 'apps import net/api types, kernel/userland/http, eremite and globals'
  }
  if (from.startsWith('kernel/userland/status/')) {
    if (to.startsWith('kernel/userland/status/') || to.startsWith('kernel/userland/http/')) {
      return null
    }
    return from === STATUS_HANDLERS && to.startsWith('kernel/userland/web/')
      ? null
      : 'kernel/userland/status is shared by apps and imports only itself and kernel/userland/http'
  }
  if (from === APP_MODULE)
    return to === STATUS_HANDLERS ? null : 'the module only names what is there'
  if (from.startsWith('kernel/userland/web/')) {
    if (to.startsWith('kernel/userland/web/') || to.startsWith('kernel/userland/http/')) return null
    return typeOnly
      ? null
      : 'kernel/userland/web travels with apps and imports only itself and kernel/userland/http'
  }
  if (from.startsWith('kernel/userland/node/')) {
    if (to.startsWith('kernel/userland/node/') || to.startsWith('kernel/userland/web/')) return null
    // Has no state and imports nothing: `util.inspect` is what the console prints.
    if (typeOnly || to === 'kernel/globals/inspect.ts') return null
    return 'kernel/userland/node travels with apps and imports only itself and kernel/userland/web'
  }
  // The image pays at boot for all that it links.
  if (/^kernel\/userland\/(?:web|http|node|status)\//.test(to)) {
    return 'kernel/userland/web, node and http are bundled into apps, not into the image'
  }
  if (to.startsWith('kernel/userland/services/')) return 'apps are loaded, not linked'
  if (COMPOSITION.has(from)) return null
  if (to.startsWith('kernel/')) return null
  return typeOnly ? null : 'in kernel/, only what composes the guest imports drivers and net'
}

describe('imports', () => {
  it('found the sources', () => {
    expect(files.length).toBeGreaterThan(50)
    expect(imports.length).toBeGreaterThan(100)
  })

  it('point down the layers of ARCHITECTURE.md', () => {
    const broken = imports.flatMap((edge) => {
      const why = violation(edge)
      return why === null ? [] : [`${edge.from} -> ${edge.to}: ${why}`]
    })
    expect(broken).toEqual([])
  })

  it('name files that exist, with their extension', () => {
    const missing = imports.filter(
      ({ to }) => to.includes('/') && !APP_PACKAGES.test(to) && !existsSync(join(ROOT, to)),
    )
    expect(missing).toEqual([])
  })

  it('form no cycle, type-only imports included', () => {
    const edges = new Map<string, string[]>()
    for (const { from, to } of imports) edges.set(from, [...(edges.get(from) ?? []), to])
    const done = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: string[]) => {
      if (path.includes(file)) {
        cycles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
        return
      }
      if (done.has(file)) return
      for (const next of edges.get(file) ?? []) visit(next, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
    expect(cycles).toEqual([])
  })

  it('are refused by the rules when they go up (the rules can fail)', () => {
    const edge = (from: string, to: string): Import => ({ from, to, typeOnly: false })
    expect(violation(edge('net/wire/tcp.ts', 'net/socket/tcp/state.ts'))).not.toBeNull()
    expect(violation(edge('net/api/stack.ts', 'drivers/hal.ts'))).not.toBeNull()
    expect(violation(edge('net/iface/flow-path.ts', 'net/wire/tcp.ts'))).not.toBeNull()
    expect(
      violation(edge('drivers/virtio/net/virtio-net.ts', 'net/iface/interface.ts')),
    ).not.toBeNull()
    expect(violation(edge('kernel/event-loop.ts', 'drivers/pci/enumerate.ts'))).not.toBeNull()
    expect(violation(edge('drivers/hal.ts', 'kernel/hal/platform.ts'))).not.toBeNull()
    expect(violation(edge('kernel/hal/platform.ts', 'kernel/event-loop.ts'))).not.toBeNull()
    expect(violation(edge('net/api/stack.ts', 'net/capture/stack-commentator.ts'))).not.toBeNull()
    expect(violation(edge('kernel/main.ts', 'kernel/userland/web/url.ts'))).not.toBeNull()
    expect(violation(edge('kernel/userland/web/url.ts', 'eremite'))).not.toBeNull()
    expect(violation(edge('kernel/main.ts', 'kernel/userland/node/process.ts'))).not.toBeNull()
    expect(violation(edge('kernel/main.ts', 'web-streams-polyfill'))).not.toBeNull()
    expect(
      violation(edge('kernel/userland/http/framing.ts', 'kernel/userland/web/url.ts')),
    ).not.toBeNull()
    expect(violation(edge('net/wire/tcp.ts', 'net/wire/checksum.ts'))).toBeNull()
  })
})

describe('source files', () => {
  const sources = [...files, ...sourceFiles('scripts'), ...sourceFiles('test')]

  it('begin with a doc comment that states their single job', () => {
    const bare = sources.filter(
      (file) =>
        !/^(#!.*\n)?\/\*\*/.test(readFileSync(join(ROOT, file), 'utf8')) &&
        !file.endsWith('.generated.ts'),
    )
    expect(bare).toEqual([])
  })

  it('lie in folders with architecture names', () => {
    const vague = sources.filter((file) =>
      /(^|\/)(utils?|common|helpers?|misc)(\/|\.ts$)/.test(file),
    )
    expect(vague).toEqual([])
  })

  it('of the guest use no clock, randomness or log below kernel/', () => {
    const impure = files
      .filter((file) => file.startsWith('net/') || file.startsWith('drivers/'))
      .filter((file) =>
        /\b(Date\.now|Math\.random|performance\.now|console\.)/.test(
          readFileSync(join(ROOT, file), 'utf8'),
        ),
      )
    expect(impure).toEqual([])
  })

  it('compare and count sequence numbers by the words of net/wire/sequence.ts', () => {
    const raw = /\(\([\w.!]+ - [\w.!]+\) \| 0\) *(<|>)/
    expect(raw.test('if (((a.next - b) | 0) < 0) return')).toBe(true)
    const comparing = files
      .filter((file) => file.startsWith('net/') && file !== 'net/wire/sequence.ts')
      .filter((file) => raw.test(readFileSync(join(ROOT, file), 'utf8')))
    expect(comparing).toEqual([])
  })

  it('name no download host', () => {
    const hosts = /deb\.debian\.org|registry\.npmjs|snapshot\.debian\.org|nodesource/
    const naming = [
      ...sources,
      'Makefile',
      'package.json',
      'package-lock.json',
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`),
    ]
      .filter((file) => file !== 'test/architecture.test.ts')
      .filter((file) => hosts.test(readFileSync(join(ROOT, file), 'utf8')))
    expect(naming).toEqual([])
  })
})

describe('the TCP control block', () => {
  const FOLDER = 'net/socket/tcp'
  const FILE = `${FOLDER}/transmission-control-block.ts`

  /** The room that a file of TCP belongs to, as the blocks name it. */
  function roomOf(file: string): string {
    const [first, second] = file.slice(FOLDER.length + 1).split('/')
    if (second !== undefined) return first!
    const rooms = { 'tcp-socket.ts': 'user', 'linger.ts': 'user', 'timers.ts': 'timers' }
    return rooms[first as keyof typeof rooms] ?? 'protocol'
  }

  /** Blocks with the rooms that they name and the fields that they hold. */
  function blocksOf(text: string): { title: string; rooms: string[]; fields: string[] }[] {
    return text
      .split(/^ {2}\/\/ --- /m)
      .slice(1)
      .map((part) => {
        // A heading may go on in the next line.
        const block = part.replace(/\n {2}\/\/ /g, ' ')
        const [, title, rooms] = /^([\s\S]*?)\. Written by: ([a-z, ]+)\.\s/.exec(block)!
        const fields = [...block.matchAll(/^ {2}(?:readonly )?(\w+)(?:: | = )/gm)]
        return { title: title!, rooms: rooms!.split(', '), fields: fields.map(([, name]) => name!) }
      })
  }

  /** Which rooms write each field: what is assigned to a socket, by itself in tcp-socket.ts. */
  function writersOf(texts: ReadonlyMap<string, string>): Map<string, Set<string>> {
    const writers = new Map<string, Set<string>>()
    for (const [file, text] of texts) {
      const self = file.endsWith('/tcp-socket.ts') ? 'socket|this' : 'socket'
      const write = new RegExp(
        `\\b(?:${self})\\.(\\w+)(?: (?:[-+|&^]|\\|\\||&&|\\?\\?)?=(?!=)|\\+\\+|--)`,
        'g',
      )
      for (const [, name] of text.matchAll(write)) {
        writers.set(name!, (writers.get(name!) ?? new Set()).add(roomOf(file)))
      }
    }
    return writers
  }

  it('names for each block the rooms that write it, and no others', () => {
    const blocks = blocksOf(readFileSync(join(ROOT, FILE), 'utf8'))
    expect(blocks.length).toBeGreaterThan(10)
    const texts = files
      .filter((file) => file.startsWith(`${FOLDER}/`) && file !== FILE)
      .map((file) => [file, readFileSync(join(ROOT, file), 'utf8')] as const)
    const writers = writersOf(new Map(texts))
    const found = blocks.map(({ title, fields }) => ({
      title,
      rooms: [...new Set(fields.flatMap((name) => [...(writers.get(name) ?? [])]))].sort(),
    }))
    expect(found).toEqual(blocks.map(({ title, rooms }) => ({ title, rooms: rooms.sort() })))
  })

  it('would be told of another writer (the rule can fail)', () => {
    const text = '  // --- Send space. Written by: send.\n  /** SND.NXT. */\n  sendNext = 0\n'
    expect(blocksOf(text)).toEqual([{ title: 'Send space', rooms: ['send'], fields: ['sendNext'] }])
    const writers = writersOf(
      new Map([
        [`${FOLDER}/send/transmit.ts`, 'socket.sendNext = next\nif (socket.sendMax === 1) return'],
        [`${FOLDER}/reply/reply.ts`, 'this.sendNext = 0\nsocket.sendNext += 1'],
      ]),
    )
    expect([...writers]).toEqual([['sendNext', new Set(['send', 'reply'])]])
  })
})

describe('docs/features.md', () => {
  const features = readFileSync(join(ROOT, 'docs/features.md'), 'utf8')

  it('names for each implemented feature a test that exists', () => {
    const rows = features
      .split('\n')
      .filter((line) => line.startsWith('| ') && !/^\| (Feature|---)/.test(line))
    expect(rows.length).toBeGreaterThan(20)
    for (const row of rows) {
      const proofs = [...row.matchAll(/`((?:test|scripts)\/[^`]+\.test\.ts)`/g)].map(
        (match) => match[1]!,
      )
      expect(proofs.length, `no test named: ${row}`).toBeGreaterThan(0)
      for (const proof of proofs) {
        expect(existsSync(join(ROOT, proof)), `${proof} does not exist: ${row}`).toBe(true)
        expect(readFileSync(join(ROOT, proof), 'utf8')).toMatch(
          /\b(it|test)(\.(?:each|for)(?:<[^(]*>)?\([\s\S]*?\))?\(/,
        )
      }
    }
  })
})
