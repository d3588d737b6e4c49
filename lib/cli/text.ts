import type { WriteStream } from 'node:tty'
import { inspect } from 'node:util'
import type { Client } from '../client/client.js'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']

export function bytesText(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** Styles only where somebody sees them: on a terminal that has colours, and not with NO_COLOR. */
export function styled(stream: NodeJS.WritableStream, style: 'bold' | 'dim' | 'red', text: string): string {
  const terminal = stream as WriteStream
  if (!terminal.isTTY || !terminal.hasColors()) return text
  // Not styleText, which asks the process's own output whether it is a terminal.
  const [on, off] = inspect.colors[style] as [number, number]
  return `\u001b[${on}m${text}\u001b[${off}m`
}

/** What a terminal must not be sent: names and values may be anybody's. */
function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, ' ')
}

/** Columns side by side; those whose heading begins with '>' stand at the right. */
export function tableText(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
  heading: (text: string) => string = text => text
): string {
  const layout = new TableLayout(headings)
  const body = layout.lines(rows)
  return `${heading(layout.heading)}\n${body}`
}

/** A table that comes in parts: its columns are as wide as its first rows need, and wider where later ones do. */
export class TableLayout {
  readonly #titles: readonly string[]
  readonly #right: readonly boolean[]
  readonly #widths: number[]

  constructor(headings: readonly string[]) {
    this.#titles = headings.map(title => printable(title.replace(/^>/, '')))
    this.#right = headings.map(title => title.startsWith('>'))
    this.#widths = this.#titles.map(title => title.length)
  }

  /** The line above the rows: wide enough for those that there have been. */
  get heading(): string {
    return this.#line(this.#titles)
  }

  lines(rows: readonly (readonly string[])[]): string {
    const cells = rows.map(row => row.map(printable))
    for (const row of cells) {
      row.forEach((text, column) => {
        this.#widths[column] = Math.max(this.#widths[column] as number, text.length)
      })
    }
    return cells.map(row => `${this.#line(row)}\n`).join('')
  }

  #line(row: readonly string[]): string {
    const padded = row.map((text, column) => {
      const width = this.#widths[column] as number
      return this.#right[column] ? text.padStart(width) : text.padEnd(width)
    })
    return padded.join('  ').trimEnd()
  }
}

export function typeText(typename: string): string {
  return typename.replaceAll('vineyard::', '')
}

/** What is known of a server: one without our extension is a vineyardd, but over TCP a store of this package has none. */
export function serverText({ core, address }: Client): string {
  if (core.connection.extended) return 'store of vineyard-streams'
  return address.startsWith('tcp://') ? 'standard protocol (a vineyardd, or a store over TCP)' : 'vineyardd'
}
