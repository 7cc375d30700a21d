/**
 * Eremite's app for the datagram rows of the bulk bench: answers each request with fifty datagrams
 * in a row, as scripts/bench/linux/datagram-series.c does on Linux.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { listen, listenDatagram } from 'eremite'

const SEGMENT_BYTES = 1200
const SERIES = new Uint8Array(50 * SEGMENT_BYTES).fill(0x55)

const cut = listenDatagram({ port: 7777 }, async (_request, from) => {
  await cut.sendSegmented(SERIES, SEGMENT_BYTES, from)
})
const whole = listenDatagram({ port: 7778, segmentationOffload: false }, async (_request, from) => {
  await whole.sendSegmented(SERIES, SEGMENT_BYTES, from)
})

// The bench knows by its echo that a guest has booted.
listen({ port: 7 }, async (connection) => {
  const bytes = new Uint8Array(64)
  for (;;) {
    const length = await connection.read(bytes)
    if (length === null) return
    await connection.write(bytes.subarray(0, length))
  }
})
