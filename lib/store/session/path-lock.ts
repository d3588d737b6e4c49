import { closeSync, constants, fstatSync, openSync, rmSync, statSync } from 'node:fs'
import { native } from '../../native.js'

/** What is done under the lock takes less than a millisecond; only a process that was stopped in it takes longer than this. */
const patienceMs = 2000

/**
 * Does `work` while no other store, of this process or another, does something under the lock of the same `path`. The lock
 * is the system's (flock), on a file beside it that is removed afterwards: it ends with whoever holds it. Throws NativeError,
 * EAGAIN where another has held it for seconds.
 */
export function whileLocked<T>(path: string, work: () => T): T {
  const file = `${path}.vineyard-streams.lock`
  const fd = lock(file)
  try {
    return work()
  } finally {
    // Before it is unlocked: whoever waits for the file that was removed finds out, and takes the next.
    rmSync(file, { force: true })
    closeSync(fd)
  }
}

function lock(file: string): number {
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants
  const end = performance.now() + patienceMs
  for (;;) {
    const fd = openSync(file, O_CREAT | O_NOFOLLOW | O_RDWR, 0o600)
    if (native.tryLock(fd) && isThere(file, fd)) return fd
    closeSync(fd)
    if (performance.now() > end)
      throw Object.assign(new Error(`EAGAIN: '${file}' is locked`), { code: 'EAGAIN' })
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1)
  }
}

/** Whether `file` is still the file that `fd` was opened from. */
function isThere(file: string, fd: number): boolean {
  const there = statSync(file, { bigint: true, throwIfNoEntry: false })
  return there?.ino === fstatSync(fd, { bigint: true }).ino
}
