/**
 * A chat in the browser, over WebSockets: what one person types, all others read.
 *
 * make run APP=examples/chat-websocket.ts, then open the address that it shows in two windows
 */
const PAGE = `<!doctype html><meta charset=utf-8><title>Chat</title><ul id=said></ul>
<form><input id=line autofocus autocomplete=off></form><script>
const socket = new WebSocket('ws://' + location.host + '/chat')
const say = (text) => said.append(Object.assign(document.createElement('li'), { textContent: text }))
socket.onmessage = ({ data }) => say(data)
socket.onclose = ({ reason }) => say('The chat has ended. ' + reason)
document.forms[0].onsubmit = (event) => {
  event.preventDefault()
  socket.send(line.value)
  line.value = ''
}</script>`

/** A longer line ends the connection, so that nobody fills the memory of the others. */
const LINE_LIMIT = 1000
/** Who reads so slowly misses lines, and the others do not wait. */
const BEHIND_LIMIT_BYTES = 100_000

const people = new Map<WebSocket, string>()

function tell(text: string, except?: WebSocket): void {
  for (const socket of people.keys()) {
    if (socket !== except && socket.bufferedAmount < BEHIND_LIMIT_BYTES) socket.send(text)
  }
}

/** What a request to join becomes. The page's own origin may, and programs, which name none. */
function join(request: Request): Response {
  const origin = request.headers.get('origin')
  if (origin !== null && new URL(origin).host !== new URL(request.url).host) {
    return new Response('Join from the page.\n', { status: 403 })
  }
  const { 0: client, 1: socket } = new WebSocketPair()
  const name = `person ${people.size + 1}`
  people.set(socket, name)
  socket.send(`Welcome, ${name}.`)
  tell(`${name} is here`, socket)
  socket.onmessage = ({ data }) => {
    if (typeof data !== 'string' || data.length > LINE_LIMIT) socket.close(4000, 'Too long a line.')
    else tell(`${name}: ${data}`, socket)
  }
  socket.onclose = () => {
    people.delete(socket)
    tell(`${name} has left`)
  }
  return new Response(null, { status: 101, webSocket: client })
}

export default {
  fetch(request: Request): Response {
    if (new URL(request.url).pathname === '/chat') return join(request)
    return new Response(PAGE, { headers: { 'Content-Type': 'text/html; charset=utf-8' } })
  },
}
