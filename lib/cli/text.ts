import type { WriteStream } from 'node:tty'
import { styleText } from 'node:util'

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
  return terminal.isTTY && terminal.hasColors() ? styleText(style, text) : text
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
  const titles = headings.map(title => title.replace(/^>/, ''))
  const cells = rows.map(row => row.map(printable))
  const widths = titles.map((title, column) =>
    Math.max(title.length, ...cells.map(row => (row[column] ?? '').length))
  )
  const line = (row: readonly string[]): string =>
    row
      .map((text, column) => {
        const width = widths[column] as number
        return (headings[column] as string).startsWith('>') ? text.padStart(width) : text.padEnd(width)
      })
      .join('  ')
      .trimEnd()
  return [heading(line(titles)), ...cells.map(line)].join('\n') + '\n'
}

export function typeText(typename: string): string {
  return typename.replaceAll('vineyard::', '')
}
