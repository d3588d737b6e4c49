import { Transform } from 'node:stream'
import cliProgress from 'cli-progress'
import type { Host } from './host.js'
import { bytesText } from './text.js'

/** How far a file has been read: a bar with rate and time left, on a terminal's standard error output only. */
export class Progress extends Transform {
  readonly #bar: cliProgress.SingleBar | undefined
  readonly #total: number
  readonly #started = performance.now()
  #bytes = 0

  /** `total` bytes, 0 where nobody knows. */
  constructor(name: string, total: number, { stderr, env }: Host) {
    super()
    this.#total = total
    if (!stderr.isTTY) return
    const known = '{name} [{bar}] {percentage}%  {done} of {all}  {rate}/s  {eta_formatted} left'
    this.#bar = new cliProgress.SingleBar(
      {
        format: total > 0 ? known : '{name}  {done}  {rate}/s',
        stream: stderr,
        hideCursor: true,
        // The end of the work is seen by who waits for it; a timer must not keep the process alive.
        gracefulExit: false,
        etaBuffer: 50
      },
      env['NO_COLOR'] === undefined ? cliProgress.Presets.shades_classic : cliProgress.Presets.legacy
    )
    this.#bar.start(Math.max(total, 1), 0, { name, all: bytesText(total), ...this.#texts() })
  }

  override _transform(
    chunk: Buffer,
    _encoding: BufferEncoding,
    callback: (error: null, chunk: Buffer) => void
  ): void {
    this.#bytes += chunk.length
    this.#bar?.update(this.#total > 0 ? this.#bytes : 0, this.#texts())
    callback(null, chunk)
  }

  /** Leaves the bar as it is and goes to the next line. */
  finish(): void {
    this.#bar?.update(this.#total > 0 ? this.#bytes : 0, this.#texts())
    this.#bar?.stop()
  }

  #texts(): { done: string; rate: string } {
    const seconds = (performance.now() - this.#started) / 1000
    return { done: bytesText(this.#bytes), rate: bytesText(seconds > 0 ? this.#bytes / seconds : 0) }
  }
}
