import type { Result } from './results.js'
import { figure } from './table.js'

const rowHeight = 26
const left = 330
const right = 70
const plot = 480
const top = 56

/** A text as XML wants it. */
function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

/** Ratios of results that have a goal, as bars on a logarithmic scale, each with its range and a mark at its goal. */
export function chart(results: readonly Result[], caption: string): string {
  const rows = results.flatMap(({ comparisons }) => comparisons).filter(({ goal }) => goal !== undefined)
  const bounds = rows.flatMap(({ ratio, goal }) => [
    ratio.median,
    ratio.low,
    ratio.high,
    goal?.atLeast ?? goal?.atMost ?? 1
  ])
  const lowest = Math.floor(Math.log10(Math.min(0.5, ...bounds)))
  const highest = Math.ceil(Math.log10(Math.max(2, ...bounds)))
  const x = (ratio: number): number =>
    Math.round(left + (plot * (Math.log10(ratio) - lowest)) / (highest - lowest))
  const height = top + rows.length * rowHeight + 44
  const width = left + plot + right
  const parts: string[] = []
  for (let power = lowest; power <= highest; power += 1) {
    const at = x(10 ** power)
    parts.push(
      `<line x1="${at}" x2="${at}" y1="${top - 8}" y2="${height - 40}" class="${power === 0 ? 'one' : 'grid'}"/>`,
      `<text x="${at}" y="${top - 14}" text-anchor="middle">${10 ** power}×</text>`
    )
  }
  rows.forEach(({ case: name, metric, rival, ratio, goal }, index) => {
    const y = top + index * rowHeight
    const bar = [x(1), x(ratio.median)].toSorted((a, b) => a - b) as [number, number]
    const aim = x(goal?.atLeast ?? goal?.atMost ?? 1)
    const what = `${name}${metric.startsWith('p') ? `, ${metric}` : ''} / ${rival.title}`
    parts.push(
      `<text x="${left - 10}" y="${y + 15}" text-anchor="end">${escape(what)}</text>`,
      `<rect x="${bar[0]}" y="${y + 3}" width="${Math.max(1, bar[1] - bar[0])}" height="14" class="bar"/>`,
      `<line x1="${x(ratio.low)}" x2="${x(ratio.high)}" y1="${y + 10}" y2="${y + 10}" class="range"/>`,
      `<line x1="${aim}" x2="${aim}" y1="${y}" y2="${y + 20}" class="goal"/>`,
      `<text x="${width - right + 10}" y="${y + 15}">${figure(ratio.median)}×</text>`
    )
  })
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">
<style>
text { font: 12px sans-serif; fill: #444 } .grid { stroke: #ccc } .one { stroke: #888 }
.bar { fill: #7a3b69 } .range { stroke: #c9a; stroke-width: 2 } .goal { stroke: #e07b00; stroke-width: 2 }
</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="10" y="20" style="font-weight: bold">Ours divided by the rival's: median and range; the orange mark is the goal</text>
${parts.join('\n')}
<text x="10" y="${height - 12}">${escape(caption)}</text>
</svg>
`
}
