/**
 * `steady-requests.ts URL CLIENTS`: requests without a pause until standard input ends, then one
 * line of JSON: what came of them.
 */
import { Agent, get } from 'node:http'

const [url, clients] = process.argv.slice(2)
const answers: Record<string, number> = {}
let isOver = false

function count(outcome: string): void {
  answers[outcome] = (answers[outcome] ?? 0) + 1
}

/** Every second client keeps its connection. */
function request(agent: Agent): Promise<string> {
  return new Promise((done) => {
    const asked = get(`${url}`, { agent, timeout: 10_000 }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString()
      })
      response.on('end', () => done(`${response.statusCode} ${text}`.slice(0, 60)))
      response.on('error', (error) => done(`cut short: ${error.message}`))
    })
    asked.on('timeout', () => asked.destroy(new Error('no answer in 10 s')))
    asked.on('error', (error) => done(`failed: ${error.message}`))
  })
}

async function client(index: number): Promise<void> {
  const agent = new Agent({ keepAlive: index % 2 === 0, maxSockets: 1 })
  while (!isOver) count(await request(agent))
  agent.destroy()
}

process.stdin.resume().on('end', () => {
  isOver = true
})
await Promise.all(Array.from({ length: Number(clients) }, (_, index) => client(index)))
console.log(JSON.stringify(answers))
