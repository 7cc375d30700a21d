/** `npm pack` and `npm publish` run this last: the workspace's own manifest comes back. */
import { restoreManifest } from './published-manifest.ts'

restoreManifest()
