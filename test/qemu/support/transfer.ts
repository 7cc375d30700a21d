/** Bulk transfers of tests: the bytes must hash equal, or the test fails. */
import { type DownloadResult, type Peer, patternSha256, type UploadResult } from 'qemu-runner'
import { expect } from 'vitest'

/** Below the time of a test, so that a stall fails with its own words and leaves a bundle. */
const TIMEOUT_MS = 45_000

export interface TransferTarget {
  readonly host: string
  readonly port?: number
}

/** The guest sends: GET /bytes/N. */
export async function expectDownload(
  peer: Peer,
  target: TransferTarget,
  bytes: number,
): Promise<DownloadResult> {
  const result = await peer.request('download', {
    host: target.host,
    port: target.port ?? 80,
    path: `/bytes/${bytes}`,
    digest: 'sha256',
    timeoutMs: TIMEOUT_MS,
  })
  expect(result.status).toBe(200)
  expect(result.bytes).toBe(bytes)
  expect(result.digest).toBe(patternSha256(bytes))
  return result
}

/** The guest receives: PUT /sink answers with what arrived. */
export async function expectUpload(
  peer: Peer,
  target: TransferTarget,
  bytes: number,
): Promise<UploadResult> {
  const result = await peer.request('upload', {
    host: target.host,
    port: target.port ?? 80,
    path: '/sink',
    bytes,
    timeoutMs: TIMEOUT_MS,
  })
  expect(result.status).toBe(200)
  expect(JSON.parse(result.body)).toEqual({ bytes, crc32: result.crc32 })
  return result
}

/**
 * Echo rounds: each size in one write, each answered with the same bytes, none after a
 * retransmission time-out.
 */
export async function expectEcho(
  peer: Peer,
  target: TransferTarget,
  sizes: readonly number[],
): Promise<void> {
  const rounds = await peer.request('echo', {
    host: target.host,
    port: target.port ?? 7,
    sizes,
    timeoutMs: TIMEOUT_MS,
  })
  for (const { bytes, equal, elapsedMs } of rounds) {
    expect(equal, `${bytes} bytes come back equal`).toBe(true)
    // RFC 6298 §2.4 has the guest wait a second before it sends again: a round this long lost a
    // segment.
    expect(elapsedMs, `${bytes} bytes come back without a retransmission`).toBeLessThan(900)
  }
}
