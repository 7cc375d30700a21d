/**
 * Bundles an app with those web globals that it names, and with the HTTP server when it has a
 * default export. Neither is part of the image, so that what an app does not use costs nothing at
 * boot.
 */
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import type { BuildOptions, BuildResult, Plugin } from 'esbuild'
import * as webGlobals from '../../kernel/userland/web/globals.ts'
import { ASSET_LOADERS } from './asset-loaders.ts'
import { lookForBuffer } from './buffer-use.ts'

type BundleOptions = BuildOptions & { metafile: true }
type Build = (options: BundleOptions) => Promise<BuildResult<BundleOptions>>

/** What kernel/userland/web/network-globals.ts exports: it can be loaded in the guest only. */
const NETWORK_GLOBALS = ['fetch', 'WebSocket', 'WebSocketPair']
/** What kernel/userland/node/process.ts, buffer-global.ts and immediate.ts export. */
const NODE_GLOBALS = ['process', 'Buffer', 'setImmediate', 'clearImmediate']
const GLOBAL_NAMES = [...Object.keys(webGlobals), ...NETWORK_GLOBALS, ...NODE_GLOBALS]

/**
 * What npm packages expect of a bundler for a place that is neither Node.js nor quite a browser.
 */
const ECOSYSTEM = {
  // The only one for which what packages replace or leave out in browsers is heeded.
  platform: 'browser',
  // Of what a package exports, that which comes first in its own list; `module` is what esbuild
  // adds when nothing is said.
  conditions: ['workerd', 'worker', 'browser', 'module'],
  // Packages from before `exports` name their files so.
  mainFields: ['browser', 'module', 'main'],
  // Where a file or tsconfig.json says nothing else, JSX imports what it needs from the source that
  // the pragma names.
  jsx: 'automatic',
  loader: { ...ASSET_LOADERS },
} satisfies BuildOptions
/** Other names that packages have for the global object, and what they ask of their environment. */
const ENVIRONMENT = {
  'process.env.NODE_ENV': '"production"',
  global: 'globalThis',
  self: 'globalThis',
  // Packages that ask where their files are do so at once, and most never look there.
  'import.meta.url': '"file:///app.js"',
  __filename: '"/app.js"',
  __dirname: '"/"',
}
/** `globalThis.fetch` is the `fetch` that is bundled. */
const GLOBAL_MEMBERS = Object.fromEntries(
  GLOBAL_NAMES.flatMap((name) =>
    ['globalThis', 'global', 'self'].map((object) => [`${object}.${name}`, name]),
  ),
)

/** Whoever asks is told so, and esbuild leaves out what would follow. */
const NO_BUFFER = { Buffer: 'undefined', 'globalThis.Buffer': 'undefined' }

/**
 * What is no global of its own, but a method or a property: the words that an app, npm packages
 * included, must hold somewhere to use it.
 */
const USES = {
  streams:
    /\b(?:Readable(?:Byte)?|Writable|Transform|Compression|Decompression|TextDecoder|TextEncoder)Stream|QueuingStrategy\b|\bgetReader\b|\bpipe(?:To|Through)\b|\.tee\b/,
  forms: /\bFormData\b|\bformData\b|\bBlob\b|\bblob\b|\bFile\b/,
  subtle: /\bsubtle\b/,
  locales: /\btoLocale[A-Z]|\blocaleCompare\b/,
} as const
export type Use = keyof typeof USES

/** What stands in for a module of kernel/userland/web in an app that has no use for it. */
const STAND_INS: Readonly<Record<string, { readonly use: Use; readonly standIn: string }>> = {
  'body-stream.ts': { use: 'streams', standIn: 'plain-body-stream.ts' },
  'form-content.ts': { use: 'forms', standIn: 'no-form-content.ts' },
}
/** What is done before the app runs, when it has a use for it. */
const INSTALLERS: Readonly<Partial<Record<Use, string>>> = {
  subtle: 'install-subtle.ts',
  locales: 'locale-notice.ts',
}

/**
 * Streams, URL patterns and Buffer are this project's dependencies, not the app's, and large: only
 * those who use them shall carry them.
 */
const LIBRARIES = /^(?:web-streams|urlpattern)-polyfill/
const COMMONJS_LIBRARY = 'commonjs-library'
const libraries: Plugin = {
  name: 'libraries',
  setup(build) {
    const isOurs = (importer: string) => /kernel\/userland\/(?:web|node)$/.test(dirname(importer))
    build.onResolve({ filter: LIBRARIES }, ({ path, importer }) => {
      if (!isOurs(importer)) return undefined
      const library = createRequire(importer).resolve(path)
      // Each has its module beside what `require` gets.
      const module = library.replace(/\.c?js$/, library.endsWith('.cjs') ? '.js' : '.mjs')
      return { path: module, sideEffects: false }
    })
    build.onResolve({ filter: /^(?:buffer\/index\.js|path-browserify)$/ }, ({ path, importer }) => {
      if (!isOurs(importer)) return undefined
      const library = createRequire(importer).resolve(path)
      return { path: library, namespace: COMMONJS_LIBRARY, sideEffects: false }
    })
    // As a module of its own: what is only `require`d keeps all that is injected into it, named or
    // not.
    build.onLoad({ filter: /./, namespace: COMMONJS_LIBRARY }, async ({ path }) => {
      const { outputFiles } = await build.esbuild.build({
        ...{ entryPoints: [path], bundle: true, write: false, format: 'esm', platform: 'neutral' },
        ...{ mainFields: ['main'], sourcemap: 'inline', sourcesContent: false, outdir: '.' },
      })
      return { contents: outputFiles[0]!.text, resolveDir: dirname(path) }
    })
  },
}

function standIns(uses: ReadonlySet<Use>): Plugin {
  return {
    name: 'stand-ins',
    setup(build) {
      build.onResolve({ filter: /^\.\/[a-z-]+\.ts$/ }, ({ path, importer }) => {
        const folder = dirname(importer)
        const entry = STAND_INS[basename(path)]
        if (entry === undefined || uses.has(entry.use) || !folder.endsWith('kernel/userland/web')) {
          return undefined
        }
        return { path: join(folder, entry.standIn) }
      })
    },
  }
}

/**
 * Modules of Node.js that there is something for; an app's own package of the name comes first,
 * unless it says `node:`.
 */
const NODE_MODULES: Readonly<Record<string, string>> = {
  assert: 'assert.ts',
  'assert/strict': 'assert-strict.ts',
  buffer: 'buffer.ts',
  crypto: 'crypto.ts',
  events: 'events.ts',
  path: 'path.ts',
  'path/posix': 'path.ts',
  perf_hooks: 'perf-hooks.ts',
  process: 'process-module.ts',
  querystring: 'querystring.ts',
  stream: 'stream.ts',
  string_decoder: 'string-decoder.ts',
  timers: 'timers.ts',
  'timers/promises': 'timers-promises.ts',
  url: 'url-module.ts',
  util: 'util-module.ts',
}
/** What is asked for by `require` is what a module exports as default. */
const REQUIRED = 'node-required'

function nodeModules(root: string): Plugin {
  const folder = join(root, 'kernel/userland/node')
  const filter = new RegExp(`^(?:node:)?(?:${Object.keys(NODE_MODULES).join('|')})$`)
  return {
    name: 'node-modules',
    setup(build) {
      build.onResolve({ filter }, async ({ path, importer, kind, resolveDir, pluginData }) => {
        if (pluginData === REQUIRED) return undefined
        if (!path.startsWith('node:')) {
          const own = await build.resolve(path, {
            importer,
            kind,
            resolveDir,
            pluginData: REQUIRED,
          })
          // Not the result itself: what a package leaves out in browsers has no path.
          if (own.errors.length === 0 && !own.external) return undefined
        }
        const file = join(folder, NODE_MODULES[path.replace('node:', '')]!)
        if (kind !== 'require-call') return { path: file, sideEffects: false }
        return { path: file, namespace: REQUIRED }
      })
      build.onLoad({ filter: /./, namespace: REQUIRED }, ({ path }) => ({
        contents: `module.exports = require(${JSON.stringify(path)}).default`,
        resolveDir: folder,
      }))
    },
  }
}

/**
 * Apps find more under the name `eremite` than the image has, and packages that know `workerd` what
 * they ask of that: see the files.
 */
function ownModules(root: string): Plugin {
  const userland = join(root, 'kernel/userland')
  return {
    name: 'own-modules',
    setup(build) {
      build.onResolve({ filter: /^cloudflare:workers$/ }, () => ({
        path: join(userland, 'web/cloudflare-workers.ts'),
        sideEffects: false,
      }))
      build.onResolve({ filter: /^eremite$/ }, ({ importer }) => {
        if (importer.startsWith(`${userland}/`)) return undefined
        return { path: join(userland, 'eremite-module.ts'), sideEffects: false }
      })
    },
  }
}

/** What the text of a bundled app, without anything of ours, shows that it uses. */
export function findUses(text: string): ReadonlySet<Use> {
  const names = Object.keys(USES) as Use[]
  return new Set(names.filter((name) => USES[name].test(text)))
}

export async function bundleApp(
  build: Build,
  shared: BundleOptions,
  root: string,
  entry: string,
): Promise<BuildResult<BundleOptions>> {
  const options = { ...shared, ...ECOSYSTEM }
  const buffer = lookForBuffer()
  const plain = await build({
    ...options,
    define: ENVIRONMENT,
    plugins: [ownModules(root), nodeModules(root), buffer.plugin],
    entryPoints: [entry],
    sourcemap: false,
    write: false,
  })
  const uses = findUses(plain.outputFiles?.map((file) => file.text).join('\n') ?? '')
  const isServed = Object.values(plain.metafile.outputs).some(({ exports }) =>
    exports.includes('default'),
  )
  const installers = Object.entries(INSTALLERS).filter(([use]) => uses.has(use as Use))
  const ours = ['globals.ts', 'network-globals.ts', ...installers.map(([, name]) => name)]
  const injected = [
    ...ours.map((name) => `web/${name}`),
    'node/process.ts',
    ...(buffer.isUsed() ? ['node/buffer-global.ts'] : []),
    'node/immediate.ts',
  ]
  return build({
    ...options,
    // A free name is taken from these files; what nothing names is left out again by tree shaking.
    inject: injected.map((name) => join(root, 'kernel/userland', name)),
    define: { ...ENVIRONMENT, ...GLOBAL_MEMBERS, ...(buffer.isUsed() ? {} : NO_BUFFER) },
    plugins: [libraries, standIns(uses), ownModules(root), nodeModules(root)],
    entryPoints: [isServed ? join(root, 'kernel/userland/web/main.ts') : entry],
    ...(isServed ? { alias: { 'eremite:app': entry } } : {}),
  })
}
