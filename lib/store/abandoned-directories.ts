import { lstatSync, mkdtempSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { VineyardError } from '../errors.js'
import { isRefused } from './session/ipc-listener.js'

const prefix = 'vineyard-streams-'
const socketName = 'store.sock'
/** A socket refuses connections between being bound and being listened on: a younger one may be about to come alive. */
const oldEnoughMs = 10_000

/**
 * Where a store without a `socket` option listens: a path in a fresh directory that only this user can enter. Throws
 * ERR_VINEYARD_SERVER where there can be none.
 */
export function freshSocket(): { directory: string; socket: string } {
  removeAbandoned()
  try {
    const directory = mkdtempSync(join(tmpdir(), prefix))
    return { directory, socket: join(directory, socketName) }
  } catch (cause) {
    const message = `cannot make a directory for the socket, in $TMPDIR or /tmp: ${(cause as Error).message}`
    throw new VineyardError('ERR_VINEYARD_SERVER', message, { cause })
  }
}

/**
 * Removes what stores of this user have left that ended without a chance to: by SIGKILL, or with the worker thread that had
 * started them, which `terminate()` ends without a word.
 */
function removeAbandoned(): void {
  for (const name of temporaryNames()) {
    if (!name.startsWith(prefix)) continue
    const directory = join(tmpdir(), name)
    const socket = join(directory, socketName)
    try {
      const stat = lstatSync(socket)
      if (!stat.isSocket() || stat.uid !== process.getuid?.() || Date.now() - stat.mtimeMs < oldEnoughMs)
        continue
      if (!isRefused(socket)) continue
      unlinkSync(socket)
      rmdirSync(directory)
    } catch {
      // Not a store's, or somebody else is removing it too.
    }
  }
}

/** A directory that may not be read can do for the socket all the same. */
function temporaryNames(): string[] {
  try {
    return readdirSync(tmpdir())
  } catch {
    return []
  }
}
