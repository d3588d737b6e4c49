import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A path for a Unix socket that nobody uses, in a directory of its own. */
export function socketPath(): { path: string; remove: () => void } {
  const directory = mkdtempSync(join(tmpdir(), 'vineyard-bench-'))
  return {
    path: join(directory, 'socket'),
    remove: () => rmSync(directory, { recursive: true, force: true })
  }
}
