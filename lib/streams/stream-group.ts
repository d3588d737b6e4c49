import { setMaxListeners } from 'node:events'
import type { Client } from '../client/client.js'
import type { Requester } from '../client/connection.js'
import { sumOfStats, type StreamStats } from '../client/counters.js'
import { getData } from '../client/requests/metadata.js'
import { dropNameOf } from '../client/requests/names.js'
import { VineyardError } from '../errors.js'
import type { Origin } from '../memory/lease-account.js'
import type { Metadata } from '../objects/model.js'
import { nameOf } from '../objects/name.js'
import { argumentError, checkIsObject, isOneOf } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import { ByteStream } from './byte-stream.js'
import type { ChunkSink, ChunkSource } from './chunk-source.js'
import { MergedSource } from './merged-source.js'
import { partitionOf, type PartitionOption } from './partition.js'
import { PartitionedSink } from './partitioned-sink.js'
import { ChunkReadable, checkReadStreamOptions, type ReadStreamOptions } from './readable.js'
import { deleteAlone, isTransientHere } from './removal.js'
import { readAhead } from './sharing.js'
import type { VineyardStream } from './stream.js'
import type { TypedReadable, TypedWritable } from './typed-streams.js'
import { ChunkWritable, checkWriteStreamOptions, type WriteStreamOptions } from './writable.js'

/** A stream, or a group of streams, as a member of a group. */
export type GroupMember = VineyardStream<any, any, any> | StreamGroup<any>

/** What is read from a member of a group; unknown of groups in groups. */
export type ReadFrom<Member> = Member extends VineyardStream<any, infer Out, any> ? Out : any
/** What is written to a member of a group; unknown of groups in groups. */
export type WrittenTo<Member> = Member extends VineyardStream<infer In, any, any> ? In : any

/** Options of the write stream of a group of streams. */
export interface GroupWriteStreamOptions extends WriteStreamOptions {
  /**
   * Which member a written value goes to. `'local'`: only to those on the client's instance of the cluster, in turns,
   * which is the default for a group made with `perInstance`.
   */
  partition?: PartitionOption<any> | 'local'
  /** Further options of the members' writers, such as `as`. */
  [option: string]: unknown
}

/** Options of the read stream of a group of streams. */
export interface GroupReadStreamOptions extends ReadStreamOptions {
  /**
   * Which members are read: all, or those on the client's instance of the cluster. All by default, and `'local'` for a
   * group made with `perInstance`.
   */
  partition?: 'all' | 'local' | undefined
}

const isMembers = isOneOf('all', 'local')

/** Metadata of a group that has a member on each instance of a cluster. */
export const perInstanceKey = 'vineyard_streams_per_instance'

/**
 * Streams that belong together. What ParallelStream and StreamCollection share: read as one, in no order across
 * members, or written as one; or each member by itself, one process for each.
 */
export abstract class StreamGroup<Member extends GroupMember = GroupMember> {
  /** The id of the group's object, for `client.get` and `open`. */
  readonly id: ObjectId
  /** The group's metadata, as they were when this object was made. */
  readonly meta: Metadata
  /** The members, in their order. */
  readonly streams: readonly Member[]
  /** @internal */
  protected readonly client: Client

  /** @internal Use create(), open() or client.get(). */
  constructor(client: Client, meta: Metadata, streams: readonly Member[]) {
    this.client = client
    this.meta = meta
    this.id = meta.id
    this.streams = streams
  }

  /**
   * The chunks of all members as one object-mode Readable: whoever has one gives it, in turns, each held back by itself;
   * the order holds within a member. Fails if one fails. Byte streams cannot be merged: ERR_VINEYARD_UNSUPPORTED.
   */
  createReadStream(options: GroupReadStreamOptions = {}): TypedReadable<ReadFrom<Member>> {
    checkIsObject(options)
    const { partition, ...streamOptions } = options
    checkReadStreamOptions(streamOptions)
    const { highWaterMark: _highWaterMark, objectMode: _objectMode, ...readerOptions } = streamOptions
    if (partition !== undefined) isMembers(partition, '"partition" option')
    const leaves = this.#chosen(partition)
    if (leaves.some(stream => stream instanceof ByteStream)) {
      throw new VineyardError(
        'ERR_VINEYARD_UNSUPPORTED',
        'bytes of several streams have no order that could be merged: read each of .streams by itself'
      )
    }
    const open = async (origin: Origin, signal: AbortSignal): Promise<ChunkSource<ReadFrom<Member>>> => {
      const options = { ...readerOptions, signal }
      const open = (leaf: VineyardStream<any, any, any>): ReturnType<typeof leaf.connectReader> =>
        leaf.connectReader(this.client, options, origin)
      return new MergedSource(await openAll(leaves, open, signal))
    }
    return new ChunkReadable(open, readAhead(streamOptions, leaves))
  }

  /** An object-mode Writable whose values go to the members by `partition`. All members finish, or all fail. */
  createWriteStream(options: GroupWriteStreamOptions = {}): TypedWritable<WrittenTo<Member>> {
    checkIsObject(options)
    const { partition, ...streamOptions } = options
    const { highWaterMark: _highWaterMark, objectMode: _objectMode, ...writerOptions } = streamOptions
    const leaves = this.#chosen(partition)
    if (leaves.length === 0)
      throw argumentError('ERR_INVALID_ARG_VALUE', 'a group without streams cannot be written')
    for (const leaf of leaves) checkWriteStreamOptions(streamOptions, leaf.writerOptions)
    const partitioned = partitionOf(partition === 'local' ? undefined : partition, leaves.length)
    const open = async (signal: AbortSignal): Promise<ChunkSink<unknown>> => {
      const options = { ...writerOptions, signal }
      const open = (leaf: VineyardStream<any, any, any>): ReturnType<typeof leaf.openWriter> =>
        leaf.openWriter(this.client, options)
      return new PartitionedSink(await openAll(leaves, open, signal), partitioned)
    }
    return new ChunkWritable(open, streamOptions)
  }

  /** What the members' readers and writers have done so far, added up. */
  stats(): StreamStats {
    return sumOfStats(this.streams.map(stream => stream.stats()))
  }

  /**
   * Removes the members with what is queued in them, the group's object and its name. Where a member cannot be removed,
   * because its instance has gone, everything else is, and then it rejects. Where the group is persistent and nobody answers
   * what becomes of its name, nothing is removed: ERR_VINEYARD_TIMEOUT.
   */
  async drop(): Promise<void> {
    const { core } = this.client
    const transient = await isTransientHere(core.connection, this.id)
    // The name first: who looks for it finds the whole group or none.
    const [unnamed] = await Promise.allSettled([transient ? undefined : this.#dropName()])
    if (unnamed.status === 'rejected' && (unnamed.reason as VineyardError).code === 'ERR_VINEYARD_TIMEOUT')
      throw unnamed.reason
    const dropped = await Promise.allSettled(this.streams.map(stream => stream.drop()))
    const remove = (requests: Requester): Promise<void> => deleteAlone(requests, this.id)
    await (transient ? remove(core.connection) : core.inquire(remove))
    const failed = [unnamed, ...dropped].find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /** It may have been given after this object was made. */
  #dropName(): Promise<void> {
    return this.client.core.inquire(async connection => {
      const [meta = this.meta] = await getData(connection, [this.id], { syncRemote: true })
      const name = nameOf(meta)
      if (name !== undefined) await dropNameOf(connection, name, this.id)
    })
  }

  /** The members that are on the client's instance of the cluster. */
  get localStreams(): readonly VineyardStream<any, any, any>[] {
    const own = String(this.client.core.connection.info.instanceId)
    return this.#leaves().filter(leaf => String(leaf.meta.instance_id) === own)
  }

  /** Throws ERR_INVALID_ARG_VALUE where there is no local member and one was asked for. */
  #chosen(partition: unknown): readonly VineyardStream<any, any, any>[] {
    const byDefault = partition === undefined && this.meta[perInstanceKey] === true
    if (partition !== 'local' && !byDefault) return this.#leaves()
    const local = this.localStreams
    if (local.length > 0) return local
    throw argumentError('ERR_INVALID_ARG_VALUE', 'no member of the group is on the instance of this client')
  }

  /** @internal Its own id and those of the groups in it. */
  get groupIds(): readonly ObjectId[] {
    return this.#all().flatMap(member => (member instanceof StreamGroup ? [member.id] : []))
  }

  /** The members, and those of nested groups. */
  #leaves(): VineyardStream<any, any, any>[] {
    return this.#all().flatMap(member => (member instanceof StreamGroup ? [] : [member]))
  }

  /** The group itself and all that is in it, groups and streams, in their order. */
  #all(): GroupMember[] {
    const streams: readonly GroupMember[] = this.streams
    return [this, ...streams.flatMap(member => (member instanceof StreamGroup ? member.#all() : [member]))]
  }
}

/**
 * Opens one end of every stream; if one cannot be opened, those that could are closed again. `signal`, which no user has,
 * is what `open` gives to each: that there are many listeners is no leak, which Node would warn of.
 */
async function openAll<End extends { close(): Promise<void> }>(
  streams: readonly VineyardStream<any, any, any>[],
  open: (stream: VineyardStream<any, any, any>) => Promise<End>,
  signal: AbortSignal
): Promise<End[]> {
  setMaxListeners(0, signal)
  const results = await Promise.allSettled(streams.map(open))
  const failed = results.find(result => result.status === 'rejected')
  const opened = results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
  if (failed === undefined) return opened
  await Promise.all(opened.map(end => end.close()))
  throw failed.reason
}
