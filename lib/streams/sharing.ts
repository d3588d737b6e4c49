import type { Metadata } from '../objects/model.js'
import { argumentError, isBoolean, isInteger, isOneOf } from '../options.js'
import type { JsonObject } from '../protocol/json.js'

/** What happens when one reader of several is slower than the others. */
export type SlowReaderPolicy = 'wait' | 'drop' | 'evict'

/** Options of `create` for a stream that several readers see, or one after the other. */
export interface SharingOptions {
  /**
   * Lets this many readers, in any processes, each see every chunk (1 to 1024). Chunks are kept once, until the last
   * reader has left them, also for readers that have not come yet. A reader that closes or dies is gone for good.
   */
  consumers?: number | undefined
  /**
   * `wait`: the slowest reader holds the writer's window (the default). `drop`: nobody holds it; a slow reader misses its
   * oldest chunks, counted in `reader.missed` and `stats().chunksMissed`. `evict`: a reader that makes both the writer and
   * another reader wait fails with ERR_VINEYARD_READER_EVICTED.
   */
  policy?: SlowReaderPolicy | undefined
  /**
   * Lets a new reader go on where one that closed or died stopped; meanwhile the writer is held by its window. A chunk is
   * taken when the one after it (or the end) has been asked for: what was delivered and not taken is delivered again.
   * Such a stream exists until it has been read to its end, or `drop()`. Not with `drop` and `evict`.
   */
  resumable?: boolean | undefined
}

/** How a stream is read by several readers, or by one after the other. */
export interface Sharing {
  readonly consumers: number
  readonly policy: SlowReaderPolicy
  readonly resumable: boolean
}

const maxConsumers = 1024

export const sharingChecks = {
  consumers: isInteger(1, maxConsumers),
  policy: isOneOf('wait', 'drop', 'evict'),
  resumable: isBoolean
}

/** Undefined for a plain stream: one reader, whose end is the stream's. The values have been checked by themselves. */
export function checkSharing(options: SharingOptions): Sharing | undefined {
  const { consumers, policy, resumable } = options
  if (consumers === undefined && policy === undefined && resumable === undefined) return undefined
  const sharing = { consumers: consumers ?? 1, policy: policy ?? 'wait', resumable: resumable ?? false }
  if (consumers === undefined && policy !== undefined && policy !== 'wait') {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The "policy" option is about several readers: say how many, with "consumers"`
    )
  }
  if (sharing.resumable && sharing.policy !== 'wait') {
    throw argumentError(
      'ERR_INVALID_ARG_VALUE',
      `The "resumable" option loses nothing, so it cannot go with the policy '${sharing.policy}'`
    )
  }
  return sharing
}

/** What the metadata of a shared stream say beyond those of a plain one, for whoever opens it. */
export function sharingFields(sharing: Sharing | undefined): JsonObject {
  if (sharing === undefined) return {}
  return { consumers_: sharing.consumers, policy_: sharing.policy, resumable_: sharing.resumable }
}

export function sharingOf(meta: Metadata): Sharing | undefined {
  const { consumers_: consumers, policy_: policy, resumable_: resumable } = meta
  if (typeof consumers !== 'number' || typeof policy !== 'string') return undefined
  return { consumers, policy: policy as SlowReaderPolicy, resumable: resumable === true }
}

/**
 * Options of a Readable over these streams. What one has fetched ahead counts as taken though nobody has seen it: a resumable
 * stream fetches nothing ahead.
 */
export function readAhead<Options extends { highWaterMark?: number | undefined }>(
  options: Options,
  streams: readonly { meta: Metadata }[]
): Options & { resumable: boolean } {
  const resumable = streams.some(({ meta }) => sharingOf(meta)?.resumable)
  return resumable ? { highWaterMark: 0, ...options, resumable } : { ...options, resumable }
}
