import type { Stream } from 'streamx'
import { AbortError } from '../abort.js'

/**
 * Destroys a stream when a signal aborts. streamx's own option does not look whether the signal has aborted already, and
 * never takes its listener off a signal that outlives the stream.
 */
export function destroyOnAbort(stream: Stream, signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  const onAbort = (): void => stream.destroy(new AbortError(signal.reason))
  if (signal.aborted) {
    // Whoever made the stream has had no chance to listen to its errors yet.
    queueMicrotask(onAbort)
    return
  }
  signal.addEventListener('abort', onAbort, { once: true })
  stream.on('close', () => signal.removeEventListener('abort', onAbort))
}
