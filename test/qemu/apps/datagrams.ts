/**
 * An app with a UDP port: sends each datagram back in reverse, and first tries one that no packet
 * carries.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { listenDatagram, system } from 'eremite'

const endpoint = listenDatagram({ port: 7777 }, async (bytes, from) => {
  const text = new TextDecoder().decode(bytes)
  if (text === 'throw') throw new Error('broken on purpose')
  if (text === 'far') await endpoint.send(bytes, { hostname: 'far', port: 9 })
  try {
    await endpoint.send(new Uint8Array(65_528), from)
  } catch (error) {
    system.info(`refused: ${(error as { code?: string }).code}`)
  }
  await endpoint.send(bytes.reverse(), from)
})
