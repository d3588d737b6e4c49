import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** What this process holds of the system. */
export interface OwnResources {
  descriptors: number
  /** Mappings of memory files: what a store shares. */
  mappings: number
  threads: number
}

export function ownResources(): OwnResources {
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    mappings: readFileSync('/proc/self/maps', 'utf8').match(/memfd:/g)?.length ?? 0,
    threads: readdirSync('/proc/self/task').length
  }
}

/** What a vineyardd opens when it needs it first, and keeps: a log for each level, and further pieces of its memory. */
const ofDaemon = /\/vineyard\.[^/]*\.log\.[A-Z]+\.|memfd:vineyard-bulk/

/** What a process has open, each with what the system calls it; of a vineyardd what it does not have for itself. */
export function descriptorsOf(pid: number | string): string[] {
  const directory = `/proc/${pid}/fd`
  return readdirSync(directory).flatMap(descriptor => {
    try {
      const target = readlinkSync(`${directory}/${descriptor}`)
      return pid !== 'self' && ofDaemon.test(target) ? [] : [`${pid}/${descriptor} ${target}`]
    } catch {
      // That of the directory itself, which is closed by now.
      return []
    }
  })
}

/** In ms. A socket whose peer reads nothing lingers for a second, and the end of a process is told a little later. */
const restMs = 1200
const lookMs = 100

/**
 * What `read` answers once it has answered the same for a while: what earlier tests left has gone by then. That is looked for
 * each time, because a chunk that nobody released can become garbage, and its socket, descriptor and mapping go, only
 * when something else has ended.
 */
export async function atRest<T>(read: () => T | Promise<T>): Promise<T> {
  globalThis.gc?.()
  let last = await read()
  for (let rested = 0; rested < restMs; rested += lookMs) {
    await delay(lookMs)
    globalThis.gc?.()
    const next = await read()
    if (JSON.stringify(next) !== JSON.stringify(last)) rested = 0
    last = next
  }
  return last
}
