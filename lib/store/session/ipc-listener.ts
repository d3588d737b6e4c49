import { existsSync, lstatSync, rmSync, statSync, unlinkSync } from 'node:fs'
import { dirname } from 'node:path'
import { VineyardError } from '../../errors.js'
import { type Channel, type Listener, native, type NativeError } from '../../native.js'
import { whileLocked } from './path-lock.js'

/** What the kernel takes in the address of a socket, without the zero at its end. */
const maxPathBytes = 107
const backlog = 511

/** A Unix socket that the server listens on. The socket file is removed at `close()` if it is still the same one. */
export class IpcListener {
  readonly path: string
  readonly #listener: Listener
  readonly #inode: bigint

  /**
   * Listens on `path`. A socket that nobody listens on any more is replaced. Throws RangeError (`ERR_OUT_OF_RANGE`) for a
   * path that is too long, VineyardError ERR_VINEYARD_EXISTS where a server is listening or the file is not a socket, and
   * ERR_VINEYARD_SERVER for what else the system refuses, with its error as `cause`.
   */
  constructor(path: string, maxFrame: number, onConnection: (channel: Channel) => void) {
    this.path = path
    if (Buffer.byteLength(path) > maxPathBytes) {
      throw Object.assign(
        new RangeError(
          `The "socket" option must be a path of at most ${maxPathBytes} bytes. Received '${path}'`
        ),
        { code: 'ERR_OUT_OF_RANGE' }
      )
    }
    const listen = (): [Listener, bigint] => {
      removeStale(path)
      // Failures to accept (no descriptors left) pass; the listener goes on.
      const listener = native.listen(path, backlog, maxFrame, onConnection, () => {})
      return [listener, statSync(path, { bigint: true }).ino]
    }
    try {
      // Another start could find the socket before it listens, or remove it in place of the one it had found stale.
      ;[this.#listener, this.#inode] = whileLocked(path, listen)
    } catch (cause) {
      throw cause instanceof VineyardError ? cause : refused(path, cause as NativeError)
    }
  }

  ref(): void {
    this.#listener.ref()
  }

  unref(): void {
    this.#listener.unref()
  }

  close(): void {
    try {
      // While it is still listened on: after that another server may replace it at any time.
      if (statSync(this.path, { bigint: true }).ino === this.#inode) unlinkSync(this.path)
    } catch {
      // Somebody has removed it before.
    }
    this.#listener.close()
  }
}

function refused(path: string, cause: NativeError): VineyardError {
  if (cause.code === 'EADDRINUSE') return inUse(path, cause)
  const why = existsSync(dirname(path)) ? cause.message : `there is no directory '${dirname(path)}'`
  return new VineyardError('ERR_VINEYARD_SERVER', `cannot listen on '${path}': ${why}`, {
    cause
  })
}

function inUse(path: string, cause?: unknown): VineyardError {
  return new VineyardError('ERR_VINEYARD_EXISTS', `a server is listening on '${path}' already (EADDRINUSE)`, {
    cause
  })
}

/** Removes the socket of a server that is gone. One that answers is never touched. */
function removeStale(path: string): void {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return
  if (!stat.isSocket()) {
    throw new VineyardError('ERR_VINEYARD_EXISTS', `'${path}' exists and is not a socket`)
  }
  const error = connectError(path)
  // It may have been removed meanwhile, by its own server.
  if (error?.code === 'ENOENT') return
  if (error?.code !== 'ECONNREFUSED') throw inUse(path, error)
  rmSync(path, { force: true })
}

/** Removes the socket of a server that has died, unless another has taken its place. */
export function removeDead(path: string): void {
  try {
    whileLocked(path, () => {
      if (isRefused(path)) unlinkSync(path)
    })
  } catch {
    // Somebody has removed it before, or the directory with it.
  }
}

/** Whether nobody listens on a socket. Between being bound and being listened on it refuses connections too. */
export function isRefused(socket: string): boolean {
  return connectError(socket)?.code === 'ECONNREFUSED'
}

function connectError(socket: string): NativeError | undefined {
  try {
    native.connect(socket, 1).close()
    return undefined
  } catch (error) {
    return error as NativeError
  }
}
