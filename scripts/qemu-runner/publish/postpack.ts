/**
 * `npm pack` and `npm publish` run this last: the workspace's own manifest comes back, and what was
 * built only for the tarball goes.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { PACKAGE, restoreManifest } from './published-manifest.ts'

restoreManifest()
rmSync(join(PACKAGE, 'dist'), { recursive: true, force: true })
