/**
 * An app that sends datagrams of one size in a row to whoever asks ("60000 1200"), and says of what
 * it is sent how long each was.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { listenDatagram } from 'eremite'

/** Octet i of what is sent is i * 7 + (i >> 8). */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i * 7 + (i >> 8))
}

const sender = listenDatagram({ port: 7777 }, async (bytes, from) => {
  const [length, segmentLength] = new TextDecoder().decode(bytes).split(' ').map(Number)
  await sender.sendSegmented(pattern(length!), segmentLength!, from)
})

let lengths: number[] = []
let isInOrder = true
let expected = 0
const sink = listenDatagram({ port: 7778 }, async (bytes, from) => {
  if (new TextDecoder().decode(bytes) === 'tell') {
    await sink.send(new TextEncoder().encode(JSON.stringify({ lengths, isInOrder })), from)
    lengths = []
    isInOrder = true
    expected = 0
    return
  }
  for (const octet of bytes) {
    if (octet !== ((expected * 7 + (expected >> 8)) & 0xff)) isInOrder = false
    expected++
  }
  lengths.push(bytes.length)
})
