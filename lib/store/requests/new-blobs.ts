/** What the requests that make blobs have in common. */
import { Status } from '../../errors.js'
import type { Blob } from '../blob.js'
import type { Engine } from '../engine.js'
import { RequestError } from '../request-error.js'
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
  context: RequestContext
): Blob[] | undefined {
  const { blobs } = context.engine
  const made: Blob[] = []
  for (const size of sizes) {
    if (size === 0) continue
    const blob = blobs.create(size, context.peer, scoped)
    if (!blob) {
      for (const other of made) blobs.delete(other)
      return undefined
    }
    made.push(blob)
  }
  return made
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
