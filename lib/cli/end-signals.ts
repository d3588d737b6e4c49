import type { Host } from './host.js'

/**
 * Calls `end` when the command is to end: for Ctrl-C, `kill`, and the end of its terminal. Who asks twice by the first two
 * means it, and Node ends the process. Answers how to listen no more.
 */
export function onEndSignal(host: Host, end: () => void): () => void {
  host.once('SIGINT', end).once('SIGTERM', end)
  // With a terminal it comes twice, of the kernel and of the shell: the second one must not cut short what the first began.
  host.on('SIGHUP', end)
  return () => void host.off('SIGINT', end).off('SIGTERM', end).off('SIGHUP', end)
}
