/**
 * An OCI image layout (image-spec 1.0) of a few files: what registries take and KubeVirt boots
 * from.
 */
import { createHash } from 'node:crypto'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runTool } from '../build/run-tool.ts'

const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const

interface Descriptor {
  readonly mediaType: string
  readonly digest: string
  readonly size: number
}

/**
 * Writes the layout to `folder`; `files` are paths in the image and where their content lies. The
 * same files make the same digests.
 */
export async function writeOciLayout(
  folder: string,
  name: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  await rm(folder, { recursive: true, force: true })
  const blobs = join(folder, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const store = async (mediaType: string, content: Buffer): Promise<Descriptor> => {
    const hash = createHash('sha256').update(content).digest('hex')
    await writeFile(join(blobs, hash), content)
    return { mediaType, digest: `sha256:${hash}`, size: content.length }
  }
  const storeJson = (mediaType: string, value: object): Promise<Descriptor> =>
    store(mediaType, Buffer.from(JSON.stringify(value)))

  const layer = await store(TYPES.layer, await archive(`${folder}.tree`, files))
  const config = await storeJson(TYPES.config, {
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  })
  const manifest = await storeJson(TYPES.manifest, {
    schemaVersion: 2,
    mediaType: TYPES.manifest,
    config,
    layers: [layer],
  })
  const named = { ...manifest, annotations: { 'org.opencontainers.image.ref.name': name } }
  const index = { schemaVersion: 2, mediaType: TYPES.index, manifests: [named] }
  await writeFile(join(folder, 'index.json'), JSON.stringify(index))
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }))
}

/** A tar of the files, owned by root and dated 1970. */
async function archive(tree: string, files: Readonly<Record<string, string>>): Promise<Buffer> {
  const output = `${tree}.tar`
  try {
    for (const [path, source] of Object.entries(files)) {
      await mkdir(join(tree, path, '..'), { recursive: true })
      await cp(source, join(tree, path))
    }
    const plain = ['--format=ustar', '--sort=name', '--mtime=@0', '--owner=0', '--group=0']
    const words = [...plain, '--numeric-owner', '--mode=u=rwX,go=rX', '-cf', output, '-C', tree]
    await runTool('write the layer', 'tar', [...words, ...topFolders(files)])
    return await readFile(output)
  } finally {
    await rm(tree, { recursive: true, force: true })
    await rm(output, { force: true })
  }
}

function topFolders(files: Readonly<Record<string, string>>): string[] {
  return [...new Set(Object.keys(files).map((path) => path.split('/')[0]!))].sort()
}
