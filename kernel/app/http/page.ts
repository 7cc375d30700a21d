/** The page at `/`: what this guest is and does, live from /stats, in one self-contained document. */

export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Eremite</title>
<style>
:root { color-scheme: light dark; --ink: #1d2a33; --paper: #fbfaf7; --line: #d8d4ca; --accent: #0b6e6e }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8e6; --paper: #14191c; --line: #333c40; --accent: #5fc7bd } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 0 auto; padding: 2rem 1rem; max-width: 60rem }
h1 { margin: 0; font-size: 1.8rem } h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; color: var(--accent) }
p { margin: .3rem 0 } code, td, .figure { font-family: ui-monospace, monospace; font-variant-numeric: tabular-nums }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: 1px; background: var(--line); border: 1px solid var(--line); margin-top: 1.5rem }
.figures div { background: var(--paper); padding: .7rem 1rem } .figure { display: block; font-size: 1.3rem }
table { border-collapse: collapse; width: 100% } td { border-bottom: 1px solid var(--line); padding: .2rem .5rem .2rem 0; vertical-align: top }
td:last-child { text-align: right; overflow-wrap: anywhere } .taken { color: var(--accent) }
canvas { width: 100%; height: 90px; border-bottom: 1px solid var(--line) }
</style>
</head>
<body>
<h1>Eremite</h1>
<p>A unikernel whose drivers and network stack are TypeScript, answering you without an operating system.</p>
<p id="addresses"></p>
<div class="figures">
<div>sending<span class="figure" id="tx">–</span></div>
<div>receiving<span class="figure" id="rx">–</span></div>
<div>connections<span class="figure" id="connections">–</span></div>
<div>processor busy<span class="figure" id="busy">–</span></div>
<div>heap in use<span class="figure" id="heap">–</span></div>
<div>up for<span class="figure" id="uptime">–</span></div>
</div>
<h2>Throughput of the last minute</h2>
<canvas id="graph" width="960" height="90"></canvas>
<h2>What the device offered</h2>
<p id="features"></p>
<h2>Counters</h2>
<table><tbody id="counters"></tbody></table>
<h2>Try</h2>
<p><a href="/stats">/stats</a> · <a href="/bytes/1048576">/bytes/1048576</a> · <code>curl -T file http://HOST/sink</code> · echo 7 · discard 9 · chargen 19</p>
<script>
'use strict'
const element = (id) => document.getElementById(id)
const rate = (bits) => bits >= 1e9 ? (bits / 1e9).toFixed(2) + ' Gbit/s' : bits >= 1e6 ? (bits / 1e6).toFixed(1) + ' Mbit/s' : (bits / 1e3).toFixed(1) + ' kbit/s'
const history = []
let before = null
function flatten(object, prefix, rows) {
  for (const [key, value] of Object.entries(object)) {
    const name = prefix ? prefix + ' ' + key : key
    if (value !== null && typeof value === 'object') flatten(value, name, rows)
    else if (typeof value === 'number' && value !== 0) rows.push([name, value.toLocaleString('en')])
  }
  return rows
}
function draw() {
  const canvas = element('graph'), context = canvas.getContext('2d')
  const top = Math.max(1e6, ...history.flat())
  context.clearRect(0, 0, canvas.width, canvas.height)
  for (const [series, colour] of [[0, '#0b9e9e'], [1, '#c77a2b']]) {
    context.strokeStyle = colour
    context.lineWidth = 2
    context.beginPath()
    history.forEach((point, index) => context.lineTo(index * canvas.width / 59, canvas.height - 2 - point[series] / top * (canvas.height - 6)))
    context.stroke()
  }
}
function show(stats) {
  const now = stats.uptimeNs / 1e9, device = stats.device || {}
  if (before) {
    const seconds = now - before.now
    const tx = Math.max(0, (device.transmittedBytes - before.tx) * 8 / seconds) || 0
    const rx = Math.max(0, (device.receivedBytes - before.rx) * 8 / seconds) || 0
    element('tx').textContent = rate(tx)
    element('rx').textContent = rate(rx)
    element('busy').textContent = Math.max(0, Math.min(100, 100 * (1 - (stats.loop.sleptNs - before.slept) / 1e9 / seconds))).toFixed(0) + ' %'
    history.push([tx, rx])
    if (history.length > 60) history.shift()
    draw()
  }
  before = { now, tx: device.transmittedBytes, rx: device.receivedBytes, slept: stats.loop.sleptNs }
  element('addresses').textContent = (stats.addresses || []).join('   ') + '   ' + (stats.mac || '') + '   ' + (stats.pci || 'no network device')
  element('connections').textContent = stats.connections.open
  element('heap').textContent = (stats.memory.engineBytes / 1048576).toFixed(1) + ' MiB'
  element('uptime').textContent = now < 120 ? now.toFixed(0) + ' s' : (now / 60).toFixed(0) + ' min'
  const list = element('features')
  list.replaceChildren()
  for (const name of (stats.features || {}).offered || []) {
    const reason = stats.features.refused[name], span = document.createElement('span')
    span.textContent = name + ' '
    span.className = reason === undefined ? 'taken' : ''
    span.title = reason || 'negotiated'
    span.style.opacity = reason === undefined ? 1 : .55
    list.append(span)
  }
  const rows = flatten({ device: stats.device, interface: stats.interface, tcp: stats.tcp, interrupts: stats.interrupts }, '', [])
  element('counters').replaceChildren(...rows.map((row) => {
    const line = document.createElement('tr')
    for (const text of row) line.appendChild(document.createElement('td')).textContent = text
    return line
  }))
}
async function refresh() {
  try { show(await (await fetch('/stats')).json()) } catch (error) { element('addresses').textContent = 'The guest does not answer: ' + error.message }
  setTimeout(refresh, 1000)
}
refresh()
</script>
</body>
</html>
`
