import { readFileSync, readlinkSync } from 'node:fs'

let identity: string | undefined

/**
 * Tells this process from every other one that ever ran on the machine: boot id, pid namespace, pid and start time. It
 * marks leases on a vineyardd, so that those of the dead can be found.
 */
export function processIdentity(): string {
  if (identity === undefined) {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    const namespace = readlinkSync('/proc/self/ns/pid')
    // The second field of stat is the program's name in parentheses and may contain anything; the 22nd is the start.
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const start = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''
    identity = `${boot}/${namespace}/${process.pid}/${start}`
  }
  return identity
}
