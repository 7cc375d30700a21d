/** An app with a UDP port: sends each datagram back in reverse, and first tries one that no packet carries. */
/// <reference path="../../../kernel/eremite.d.ts" />
import { listenDatagram, NetError, system } from 'eremite'

const endpoint = listenDatagram({ port: 7777 })

for await (const [bytes, from] of endpoint) {
  try {
    await endpoint.send(new Uint8Array(1473), from)
  } catch (error) {
    if (!(error instanceof NetError)) throw error
    system.info(`refused: ${error.code}`)
  }
  await endpoint.send(bytes.reverse(), from)
}
