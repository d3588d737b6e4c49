import { readFileSync, readlinkSync } from 'node:fs'
import type { NativeError } from '../native.js'

/** Whether somebody lives, as far as it can be told from here. */
export type Life = 'alive' | 'dead' | 'unknown'

let own: string | undefined

/**
 * Tells this thread from every other one that ever ran on the machine: boot id, pid namespace, pid, thread and start
 * time. It marks what this thread holds on a vineyardd, which does not notice when somebody dies, so that others can. A
 * thread, because a worker that is terminated lets go of as little there as a process that is killed.
 */
export function ownIdentity(): string {
  if (own === undefined) {
    const boot = bootId()
    const [pid, , thread] = readlinkSync('/proc/thread-self').split('/')
    // Where /proc is that of another pid namespace, its pids mean nothing to those who share this one.
    const namespace = pid === String(process.pid) ? pidNamespace() : `of ${process.pid}`
    const start = statOf(`/proc/thread-self`)?.start ?? ''
    own = [boot, namespace, process.pid, thread, start].join('/')
  }
  return own
}

/** The last part of the identity of whoever reaches the server over TCP. */
const overTcp = 'tcp'

/** This thread as one that reaches a server over TCP: its line can be cut while it lives. */
export function remoteIdentity(): string {
  return `${ownIdentity()}/${overTcp}`
}

/** Whether an identity is of somebody who reaches the server over TCP, and so shares no memory with it. */
export function isRemote(identity: string): boolean {
  return identity.endsWith(`/${overTcp}`)
}

/**
 * Whether the thread of an identity lives, and can still do something on the server. Unknown to whoever does not share its
 * pid namespace, and of one that lives and reaches the server over TCP.
 */
export function lifeOf(identity: string): Life {
  if (!isRemote(identity)) return lifeOfThread(identity)
  const life = lifeOfThread(identity.slice(0, -overTcp.length - 1))
  return life === 'alive' ? 'unknown' : life
}

function lifeOfThread(identity: string): Life {
  const [boot, namespace, pid, thread, start, ...more] = identity.split('/')
  const [ownBoot, ownNamespace] = ownIdentity().split('/')
  if (start === undefined || more.length > 0 || boot !== ownBoot || namespace !== ownNamespace)
    return 'unknown'
  if (!/^[1-9][0-9]*$/.test(pid as string) || !/^[1-9][0-9]*$/.test(thread as string)) return 'unknown'
  try {
    process.kill(Number(pid), 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return 'dead'
  }
  // Its files may be hidden from other users.
  if (statOf(`/proc/${pid}`) === undefined) return 'alive'
  // It may be another process by now, or one that nobody has waited for.
  const stat = statOf(`/proc/${pid}/task/${thread}`)
  return stat === undefined || stat.start !== start || stat.state === 'Z' || stat.state === 'X'
    ? 'dead'
    : 'alive'
}

/** Whether the process lives that the thread of an identity is of, or was. Unknown like `lifeOf`. */
export function processLifeOf(identity: string): Life {
  const life = lifeOf(identity)
  if (life !== 'dead') return life
  const [, , pid, , start] = identity.split('/')
  const stat = statOf(`/proc/${pid}`)
  if (stat === undefined || stat.state === 'Z' || stat.state === 'X') return 'dead'
  // One that began after its thread is another process under the same number.
  return Number(stat.start) <= Number(start) ? 'alive' : 'dead'
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
}

function pidNamespace(): string {
  return readlinkSync('/proc/self/ns/pid')
}

function statOf(directory: string): { state: string; start: string } | undefined {
  let stat: string
  try {
    stat = readFileSync(`${directory}/stat`, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes((error as NativeError).code ?? '')) return undefined
    throw error
  }
  // The second field is the program's name in parentheses and may contain anything; the third is the state, the 22nd
  // the start.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0] ?? '', start: fields[19] ?? '' }
}
