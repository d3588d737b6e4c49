import { readdirSync, readFileSync } from 'node:fs'

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
