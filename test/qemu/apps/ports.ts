/**
 * Greets on several ports, one of which it opens late; each answers with its number what it is
 * sent.
 */
import { listen } from 'eremite'

function greetOn(port: number): void {
  listen({ port }, async (connection) => {
    const bytes = new Uint8Array(16)
    const length = await connection.read(bytes)
    if (length !== null) await connection.write(new TextEncoder().encode(`${port}`))
  })
}

greetOn(7000)
greetOn(7001)
setTimeout(() => greetOn(7002), 500)
