/** What the requests that make blobs have in common. */
import { Status } from '../../errors.js'
import { Allocator } from '../allocator.js'
import type { Blob } from '../blob.js'
import type { Engine } from '../engine.js'
import { RequestError } from '../request-error.js'
import { Waiting } from '../waiting.js'
import type { RequestContext } from './handler.js'
import { emptyBlobDecimal, payloadText } from './payload.js'

export function noMemory(bytes: number, engine: Engine): RequestError {
  const { limit, usage } = engine.blobs
  return new RequestError(
    Status.NotEnoughMemory,
    `there is no room for ${bytes} bytes: ${usage} of ${limit} bytes are in use`
  )
}

/** All blobs or none: undefined where there is no memory for all of them. */
export function createAll(
  sizes: readonly number[],
  scoped: boolean,
  need: 'now' | 'soon' | 'perhaps',
  context: RequestContext
): Blob[] | undefined {
  const { engine, peer } = context
  const { blobs } = engine
  const made: Blob[] = []
  for (const size of sizes) {
    if (size === 0) continue
    const blob = blobs.create(size, peer, scoped, need)
    if (!blob) {
      for (const other of made) blobs.delete(other, peer)
      return undefined
    }
    made.push(blob)
  }
  return made
}

/** How long a request that is not to wait does wait for memory that others could give up: since some came, and in all, in ms. */
const quietTime = 250
const longestTime = 2000

/**
 * What `compose` says of new blobs, all or none. Where there is no memory, those who have some in advance are asked for it, and
 * readers that move may free some; after that what is kept for foreign readers is given up. Throws 41 where none of it helps.
 */
export function createNow(
  sizes: readonly number[],
  scoped: boolean,
  context: RequestContext,
  compose: (made: readonly Blob[]) => string
): string | Waiting {
  const { engine, peer } = context
  const { blobs, memory } = engine
  const made = createAll(sizes, scoped, 'soon', context)
  if (made) return compose(made)
  const bytes = sizes.reduce((sum, size) => sum + Allocator.footprint(size), 0)
  const helps = blobs.someAhead || blobs.keptBytes > 0
  if (!helps || bytes > blobs.limit) throw noMemory(bytes, engine)
  const waiting = new Waiting()
  const ends = performance.now() + longestTime
  let timer: NodeJS.Timeout | undefined
  const tryOnce = (need: 'now' | 'soon'): boolean => {
    const late = createAll(sizes, scoped, need, context)
    if (late) waiting.settle(() => compose(late))
    return late !== undefined
  }
  const giveUp = (): void => {
    if (!tryOnce('now')) waiting.fail(noMemory(bytes, engine))
  }
  const attempt = (): boolean => {
    if (tryOnce('soon')) return true
    clearTimeout(timer)
    timer = setTimeout(giveUp, Math.min(quietTime, Math.max(0, ends - performance.now()))).unref()
    return false
  }
  waiting.onEnd(() => clearTimeout(timer))
  memory.add({ peer, waiting, bytes, stretch: Math.max(...sizes), stream: undefined, urgent: true, attempt })
  return waiting
}

/** The blobs that were made for `sizes`: undefined, the empty blob, for size 0. */
export function inOrder(sizes: readonly number[], made: readonly Blob[]): (Blob | undefined)[] {
  let next = 0
  return sizes.map(size => (size === 0 ? undefined : made[next++]))
}

/** The reply for one new blob; `sealed` where it is not as the blob says. */
export function createdOne(
  blob: Blob | undefined,
  fd: number,
  type: string,
  engine: Engine,
  sealed?: boolean
): string {
  const payload = payloadText(blob, engine, sealed)
  return `{"created":${payload},"fd":${fd},"id":${blob?.decimal ?? emptyBlobDecimal},"type":"${type}"}`
}

/** The reply for several new blobs. */
export function createdMany(
  all: readonly (Blob | undefined)[],
  fd: number,
  engine: Engine,
  sealed?: boolean
): string {
  const payloads = all.map(blob => payloadText(blob, engine, sealed))
  const ids = all.map(blob => blob?.decimal ?? emptyBlobDecimal)
  const numbered = payloads.map((payload, index) => `"${index}":${payload},`).join('')
  return (
    `{${numbered}"fds":[${fd === -1 ? '' : fd}],"ids":[${ids.join(',')}],"num":${all.length},` +
    `"payloads":[${payloads.join(',')}],"type":"create_buffers_reply"}`
  )
}
