/**
 * An app that sends without end on port 7001, and tells on port 7002 what it knows of the
 * connections there.
 */
/// <reference path="../../../kernel/eremite.d.ts" />
import { listen, type TcpInfo, type TcpStream } from 'eremite'

const sending = new Set<TcpStream>()
const piece = new Uint8Array(65_536)

listen({ port: 7001 }, async (connection) => {
  sending.add(connection)
  try {
    for (;;) await connection.write(piece)
  } finally {
    sending.delete(connection)
  }
})

listen({ port: 7002 }, async (connection) => {
  const told: TcpInfo[] = [...sending].map((stream) => stream.info())
  await connection.write(new TextEncoder().encode(JSON.stringify(told)))
})
