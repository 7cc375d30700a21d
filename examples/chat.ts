/**
 * A chat over TCP: what one person types, all others read.
 *
 * make run APP=examples/chat.ts, then in two terminals: nc 127.0.0.1 PORT
 */
import { listen, type TcpStream } from 'eremite'

/** A longer line is cut, so that nobody fills the memory. */
const LINE_LIMIT_BYTES = 1000

const people = new Map<TcpStream, { name: string; outbox: Promise<void> }>()
const encoder = new TextEncoder()

/** One write at a time: each waits for the one before. Who is gone gets no more. */
function tell(stream: TcpStream, text: string): void {
  const person = people.get(stream)
  if (person === undefined) return
  person.outbox = person.outbox.then(() => stream.write(encoder.encode(text))).catch(() => {})
}

function tellOthers(speaker: TcpStream, text: string): void {
  for (const stream of people.keys()) if (stream !== speaker) tell(stream, text)
}

async function* linesOf(stream: TcpStream): AsyncGenerator<string> {
  const buffer = new Uint8Array(LINE_LIMIT_BYTES)
  const decoder = new TextDecoder()
  let rest = ''
  for (let count = await stream.read(buffer); count !== null; count = await stream.read(buffer)) {
    const lines = (rest + decoder.decode(buffer.subarray(0, count), { stream: true })).split('\n')
    rest = lines.pop()!.slice(0, LINE_LIMIT_BYTES)
    for (const line of lines) yield line.trim()
  }
}

async function talk(stream: TcpStream): Promise<void> {
  const { hostname, port } = stream.remoteAddress
  const person = { name: `${hostname}:${port}`, outbox: Promise.resolve() }
  people.set(stream, person)
  tell(stream, 'Welcome. /name NAME gives you a name, /quit ends.\n')
  tellOthers(stream, `* ${person.name} is here\n`)
  try {
    for await (const line of linesOf(stream)) {
      if (line === '/quit') break
      if (line.startsWith('/name ')) person.name = line.slice(6).trim() || person.name
      else if (line !== '') tellOthers(stream, `${person.name}: ${line}\n`)
    }
  } finally {
    people.delete(stream)
    tellOthers(stream, `* ${person.name} has left\n`)
  }
}

listen({ port: 7000 }, talk)
