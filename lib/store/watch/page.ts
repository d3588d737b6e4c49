/** The page of `serve --ui`: three small files, as texts so that they are part of what is compiled. */

export const html = /* html */ `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>vineyard-streams</title>
<link rel="stylesheet" href="/page.css">
<script type="module" src="/page.js"></script>
</head>
<body>
<header><h1>vineyard-streams</h1><span id="state" role="status">connecting…</span></header>
<main>
<section class="tiles" id="tiles" aria-label="Now"></section>
<section>
<h2>Memory <span class="legend"><i class="used"></i>used <i class="leased"></i>leased by readers</span></h2>
<canvas id="memory" role="img" aria-label="Memory over the last two minutes"></canvas>
</section>
<section>
<h2>Throughput <span class="legend"><i class="written"></i>written <i class="read"></i>read</span></h2>
<canvas id="rate" role="img" aria-label="Bytes a second over the last two minutes"></canvas>
</section>
<section>
<h2>Streams</h2>
<table id="streams">
<thead><tr><th>Stream<th>Type<th>State<th class="n">Waiting<th class="n">Bytes waiting<th class="n">Held<th class="n">Read<th class="n">Chunks/s<th class="n">Bytes/s<th>Writers<th>Readers</tr></thead>
<tbody></tbody>
</table>
</section>
<section>
<h2>Connections</h2>
<table id="connections">
<thead><tr><th>No.<th>Process<th>Client<th class="n">Leases<th class="n">Bytes leased<th class="n">Bytes kept</tr></thead>
<tbody></tbody>
</table>
</section>
</main>
</body>
</html>
`

export const style = /* css */ `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #657083; --line: #e2e6ec; --back: #fbfcfd; --card: #fff;
  --a: #3f6ad8; --b: #e08a2b; --bad: #c0392b; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a3b5; --line: #2b3442; --back: #12171f;
  --card: #1a212b; --a: #7ea2ff; --b: #f0ab5c; --bad: #ff7b6b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 14px/1.5 system-ui, sans-serif; }
header { display: flex; align-items: baseline; gap: 1rem; padding: 1rem 1.5rem 0; }
h1 { font-size: 1.15rem; margin: 0; }
#state { color: var(--soft); }
#state.lost { color: var(--bad); }
main { display: grid; gap: 1rem; padding: 1rem 1.5rem 2rem; grid-template-columns: repeat(2, minmax(0, 1fr)); }
main > * { grid-column: 1 / -1; }
main > section:nth-child(2), main > section:nth-child(3) { grid-column: auto; }
@media (max-width: 50rem) { main > section { grid-column: 1 / -1 !important; } }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .75rem 1rem; overflow-x: auto; }
h2 { font-size: .95rem; margin: 0 0 .5rem; }
.legend { font-weight: 400; color: var(--soft); font-size: .85rem; margin-left: .75rem; }
.legend i { display: inline-block; width: .8em; height: .2em; margin: 0 .3em .25em .6em; background: var(--a); }
.legend .leased, .legend .read { background: var(--b); }
.tiles { display: flex; flex-wrap: wrap; gap: .5rem 2rem; }
.tiles div { min-width: 5rem; }
.tiles b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--soft); }
canvas { width: 100%; height: 160px; display: block; }
table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 500; color: var(--soft); }
th, td { padding: .2rem .75rem .2rem 0; white-space: nowrap; border-bottom: 1px solid var(--line); }
.n { text-align: right; font-variant-numeric: tabular-nums; }
td.failed { color: var(--bad); }
td.none { color: var(--soft); text-align: center; }
`

export const script = /* js */ `
const kept = 240 // snapshots: two minutes
const history = []
const $ = id => document.getElementById(id)

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
function bytes(n) {
  let unit = 0
  while (n >= 1024 && unit < units.length - 1) { n /= 1024; unit += 1 }
  return (unit === 0 || n >= 100 ? Math.round(n) : n.toFixed(1)) + ' ' + units[unit]
}
const count = n => Math.round(n).toLocaleString('en')

// Rates are per second between the two last snapshots that are there.
function rate(now, before, key) {
  const ms = before ? now.time - before.time : 0
  return ms > 0 ? Math.max(0, ((now.totals[key] - before.totals[key]) * 1000) / ms) : 0
}

function element(name, text, className) {
  const made = document.createElement(name)
  made.textContent = text
  if (className) made.className = className
  return made
}

function fill(id, rows, columns) {
  const body = $(id).tBodies[0]
  body.replaceChildren(...rows.map(cells => {
    const row = document.createElement('tr')
    row.append(...cells.map(cell => (cell instanceof Node ? cell : element('td', cell))))
    return row
  }))
  if (rows.length > 0) return
  const none = element('td', 'none', 'none')
  none.colSpan = columns
  body.append(none)
}

const number = text => element('td', text, 'n')

function show(now) {
  const before = history.at(-1)
  const point = {
    time: now.time,
    used: now.memory.used,
    leased: now.memory.leased,
    written: rate(now, before, 'bytesWritten'),
    read: rate(now, before, 'bytesRead'),
    totals: now.totals,
    streams: new Map(now.streams.map(stream => [stream.id, stream]))
  }
  history.push(point)
  if (history.length > kept) history.shift()

  const tiles = [
    ['memory used', bytes(now.memory.used) + ' of ' + bytes(now.memory.limit)],
    ['leased', bytes(now.memory.leased)],
    ['streams', count(now.counts.streams)],
    ['objects', count(now.counts.objects)],
    ['connections', count(now.connections.length)],
    ['written', bytes(point.written) + '/s'],
    ['read', bytes(point.read) + '/s'],
    ['waiting for memory', count(now.waiting.memory)]
  ]
  $('tiles').replaceChildren(...tiles.map(([name, value]) => {
    const tile = document.createElement('div')
    tile.append(element('b', value), element('span', name))
    return tile
  }))

  const processes = new Map(now.connections.map(one => [one.number, one.pid ?? 'tcp']))
  const ends = numbers => numbers.map(n => processes.get(n) ?? '?').join(', ') || '–'
  fill('streams', now.streams.map(stream => {
    const old = before?.streams.get(stream.id)
    const seconds = before ? (now.time - before.time) / 1000 : 0
    const per = key => (old && seconds > 0 ? (stream[key] - old[key]) / seconds : 0)
    const state = element('td', stream.state + (stream.blocked ? ', ' + stream.blocked + ' waits' : ''), stream.state)
    if (stream.reason) state.title = stream.reason
    return [
      stream.name ?? stream.id,
      stream.typename.replace('vineyard::', ''),
      state,
      number(count(stream.waiting)),
      number(bytes(stream.waitingBytes)),
      number(count(stream.held)),
      number(count(stream.chunksRead)),
      number(count(per('chunksRead'))),
      number(bytes(per('bytesRead'))),
      ends(stream.writers),
      ends(stream.readers)
    ]
  }), 11)
  fill('connections', now.connections.map(one => [
    String(one.number),
    one.pid === undefined ? 'by TCP' : 'pid ' + one.pid,
    one.extended ? 'vineyard-streams' : 'standard',
    number(count(one.leases)),
    number(bytes(one.leasedBytes)),
    number(bytes(one.keptBytes))
  ]), 6)
  plot($('memory'), ['used', 'leased'], now.memory.limit, bytes)
  plot($('rate'), ['written', 'read'], undefined, n => bytes(n) + '/s')
}

// A power of two: a scale that does not jump about.
function roundUp(n) {
  let top = 1024
  while (top < n) top *= 2
  return top
}

function plot(canvas, keys, limit, label) {
  const scale = devicePixelRatio || 1
  const { clientWidth: width, clientHeight: height } = canvas
  canvas.width = width * scale
  canvas.height = height * scale
  const context = canvas.getContext('2d')
  context.scale(scale, scale)
  const css = getComputedStyle(document.documentElement)
  const top = limit ?? roundUp(Math.max(...history.flatMap(point => keys.map(key => point[key]))))
  const left = 72
  const x = index => left + ((width - left - 4) * (index + kept - history.length)) / (kept - 1)
  const y = value => height - 16 - ((height - 28) * value) / top
  context.font = '11px system-ui, sans-serif'
  context.textAlign = 'right'
  for (const part of [0, 0.5, 1]) {
    context.fillStyle = css.getPropertyValue('--soft')
    context.fillText(label(top * part), left - 8, y(top * part) + 4)
    context.strokeStyle = css.getPropertyValue('--line')
    context.beginPath()
    context.moveTo(left, y(top * part))
    context.lineTo(width, y(top * part))
    context.stroke()
  }
  keys.forEach((key, index) => {
    context.strokeStyle = css.getPropertyValue(index === 0 ? '--a' : '--b')
    context.lineWidth = 1.75
    context.beginPath()
    history.forEach((point, at) => context.lineTo(x(at), y(point[key])))
    context.stroke()
  })
  context.textAlign = 'left'
  context.fillStyle = css.getPropertyValue('--soft')
  context.fillText('2 minutes ago', left, height - 2)
  context.textAlign = 'right'
  context.fillText('now', width - 2, height - 2)
}

const events = new EventSource('/events')
const state = $('state')
events.onmessage = ({ data }) => {
  state.textContent = 'live'
  state.className = ''
  show(JSON.parse(data))
}
events.onerror = () => {
  state.textContent = 'the store does not answer'
  state.className = 'lost'
}
`
