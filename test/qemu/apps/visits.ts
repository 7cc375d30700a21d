/** An app that visits another guest: sends what its echo service must return, over each family. */
/// <reference path="../../../kernel/eremite.d.ts" />
import { connect, system } from 'eremite'

const BYTES = 65_536
const PORT = 7

async function visit(host: string): Promise<void> {
  const stream = await connect({ hostname: host, port: PORT })
  const sent = new Uint8Array(BYTES)
  for (let at = 0; at < BYTES; at++) sent[at] = (at * 7) & 255
  const writing = stream.write(sent)
  const buffer = new Uint8Array(BYTES)
  let received = 0
  while (received < BYTES) {
    const length = await stream.read(buffer)
    if (length === null) break
    for (let at = 0; at < length; at++) {
      if (buffer[at] !== sent[received + at]) throw new Error(`octet ${received + at} is wrong`)
    }
    received += length
  }
  await writing
  stream.close()
  system.info(`visited ${host}: ${received} octets came back`)
}

await visit('10.0.0.2')
await visit('fd00::2')
