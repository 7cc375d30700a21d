/**
 * An app that is a TCP client: sends a megabyte to an echo service over each family and compares
 * what returns.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { connect, system } from 'eremite'

const BYTES = 1 << 20
const CHUNK = 8192
const PORT = 9007

async function exchange(host: string): Promise<void> {
  const stream = await connect({ hostname: host, port: PORT })
  const sent = new Uint8Array(CHUNK)
  for (let at = 0; at < CHUNK; at++) sent[at] = (at * 7) & 255
  const writing = (async () => {
    for (let total = 0; total < BYTES; total += CHUNK) await stream.write(sent)
  })()
  const buffer = new Uint8Array(65536)
  let received = 0
  while (received < BYTES) {
    const length = await stream.read(buffer)
    if (length === null) break
    for (let at = 0; at < length; at += 97) {
      if (buffer[at] !== ((((received + at) % CHUNK) * 7) & 255)) {
        throw new Error(`octet ${received + at} is wrong`)
      }
    }
    received += length
  }
  await writing
  await stream.close()
  system.info(`dialed ${host}: ${received} octets came back`)
}

await exchange('10.0.0.1')
await exchange('fd00::1')
