import { abortable } from '../abort.js'
import type { Client } from '../client/client.js'
import type { ClientCore } from '../client/client-core.js'
import { Counters, type StreamStats } from '../client/counters.js'
import { createData } from '../client/requests/metadata.js'
import { createStream } from '../client/requests/streams.js'
import { VineyardError } from '../errors.js'
import { captureOrigin, type Origin } from '../memory/lease-account.js'
import type { Metadata } from '../objects/model.js'
import { nameOf } from '../objects/name.js'
import { checkClient, checkOptions, isJsonObject, isText, type Checks } from '../options.js'
import type { ObjectId } from '../protocol/ids.js'
import { parseJson, stringifyJson, type JsonObject } from '../protocol/json.js'
import type { ChunkEncoder } from './chunk-encoder.js'
import {
  ChunkReadable,
  checkReaderOptions,
  checkReadStreamOptions,
  type ReadStreamOptions
} from './readable.js'
import { StreamReader, type ChunkDecoder, type ReaderOptions } from './reader.js'
import { takeBack, type Asking } from './removal.js'
import {
  checkSharing,
  readAhead,
  sharingChecks,
  sharingFields,
  sharingOf,
  type SharingOptions
} from './sharing.js'
import { discardStream } from './teardown.js'
import type { TypedReadable, TypedWritable } from './typed-streams.js'
import {
  checkWriterOptions,
  ChunkWritable,
  checkWriteStreamOptions,
  type WriteStreamOptions
} from './writable.js'
import { StreamWriter } from './writer.js'

/**
 * Options of `create` of a stream type. Those of SharingOptions are the embedded store's only: refused with
 * ERR_VINEYARD_UNSUPPORTED elsewhere.
 */
export interface CreateStreamOptions extends SharingOptions {
  /** Any JSON values, for whoever opens the stream; C++ expects strings. */
  params?: JsonObject | undefined
  /**
   * Gives the stream a name, and so makes it persistent. A name that something else has is taken over. `drop()` removes it.
   */
  name?: string | undefined
}

/** Options of `open` of a stream type. */
export interface OpenStreamOptions {
  /** Wait until somebody puts the name, or, where its object is gone, another one gets it; false by default. */
  wait?: boolean | undefined
  /** Ends the wait. */
  signal?: AbortSignal | undefined
}

/** What all stream types share. A stream has one writer and one reader, in any two processes. */
export abstract class VineyardStream<
  In = unknown,
  Out = unknown,
  WriteOptions extends WriteStreamOptions = WriteStreamOptions
> {
  /** The id of the stream's object, for `client.get` and `open`. */
  readonly id: ObjectId
  /** The stream's metadata, as they were when this object was made. */
  readonly meta: Metadata
  /** What `create` was given as `params`. */
  readonly params: JsonObject
  /** @internal */
  protected readonly client: Client
  readonly #counters: Counters

  /** @internal Use create(), open() or client.get(). */
  constructor(client: Client, meta: Metadata) {
    this.client = client
    this.meta = meta
    this.id = meta.id
    this.#counters = new Counters(client.core.counters, meta.id)
    this.params = readParams(meta)
  }

  /** @internal How a pulled object becomes values. */
  protected abstract readonly decode: ChunkDecoder<Out>
  /** @internal How one writer makes chunks of values. */
  protected abstract encoder(options: WriteOptions, instanceId: number | bigint): ChunkEncoder<In>
  /** @internal Options of a writer beyond those that all stream types have. */
  abstract readonly writerOptions: Checks

  /** The chunks as a core object-mode Readable. The stream's read mark is taken when it opens. */
  createReadStream(options: ReadStreamOptions = {}): TypedReadable<Out> {
    checkReadStreamOptions(options)
    return new ChunkReadable(
      (origin, signal) => this.connectReader(this.client, { ...options, signal }, origin),
      readAhead(options, [this])
    )
  }

  /** A core object-mode Writable. The stream's write mark is taken when it opens. */
  createWriteStream(options: WriteOptions = {} as WriteOptions): TypedWritable<In> {
    checkWriteStreamOptions(options, this.writerOptions)
    return new ChunkWritable(signal => this.connectWriter(this.client, { ...options, signal }), options)
  }

  /** The lower level of reading, through this stream's client or another one. */
  async openReader(client: Client = this.client, options: ReaderOptions = {}): Promise<StreamReader<Out>> {
    checkClient(client)
    checkReaderOptions(options)
    return this.connectReader(client, options, captureOrigin())
  }

  /** The lower level of writing, through this stream's client or another one. */
  async openWriter(
    client: Client = this.client,
    options: WriteOptions = {} as WriteOptions
  ): Promise<StreamWriter<In>> {
    checkClient(client)
    checkWriterOptions(options, this.writerOptions)
    return this.connectWriter(client, options)
  }

  /** What this object's readers and writers have done so far. */
  stats(): StreamStats {
    return this.#counters.snapshot()
  }

  /**
   * Removes the stream with what is queued in it, its object and its name. Its reader and writer fail. Rejects with
   * ERR_VINEYARD_TIMEOUT or ERR_VINEYARD_SERVER where only object and name are left, because they are persistent and etcd is
   * not there: then it can be called again.
   */
  async drop(): Promise<void> {
    const core = await this.#coreOf(this.client)
    const { connection } = core
    // A vineyardd is asked for it at the end, by whoever asks etcd.
    const name = connection.extended ? await this.#currentName() : nameOf(this.meta)
    await core.connect(async puller => {
      const asking: Asking = work => core.inquire(work)
      const lost = await discardStream(connection, connection, asking, puller, this.id, name)
      if (lost !== undefined) throw lost
      puller.close()
    })
  }

  /** @internal */
  async connectReader(client: Client, options: ReaderOptions, origin: Origin): Promise<StreamReader<Out>> {
    const { id, decode } = this
    const counters = this.#countersFor(client)
    const target = {
      id,
      name: nameOf(this.meta),
      decode,
      counters,
      origin,
      sharing: sharingOf(this.meta)
    }
    return StreamReader.open<Out>(await this.#coreOf(client, options.signal), target, options)
  }

  /** @internal Opens a writer; options have been checked. */
  protected async connectWriter(client: Client, options: WriteOptions): Promise<StreamWriter<In>> {
    const core = await this.#coreOf(client, options.signal)
    const target = {
      id: this.id,
      encoder: this.encoder(options, core.connection.info.instanceId),
      counters: this.#countersFor(client),
      waits: (sharingOf(this.meta)?.policy ?? 'wait') === 'wait'
    }
    return StreamWriter.open<In>(core, target, options)
  }

  /** What is queued in a stream is only on the instance that it was made on: there its ends are. */
  #coreOf(client: Client, signal?: AbortSignal): Promise<ClientCore> {
    return abortable(client.core.at(this.meta.instance_id), signal)
  }

  /** Another client's reader or writer counts for that client, and is not seen in `stats()` here. */
  #countersFor(client: Client): Counters {
    return client === this.client ? this.#counters : new Counters(client.core.counters, this.id)
  }

  /** The name may have been put after this object was made. */
  async #currentName(): Promise<string | undefined> {
    try {
      return nameOf(await this.client.getMeta(this.id))
    } catch {
      return nameOf(this.meta)
    }
  }
}

/** Makes the object of a stream and its queue. */
export async function createStreamObject(
  client: Client,
  typename: string,
  options: CreateStreamOptions
): Promise<Metadata> {
  checkClient(client)
  checkOptions(options, { params: isJsonObject, name: isText, ...sharingChecks })
  const sharing = checkSharing(options)
  const { connection, reader } = client.core
  if (sharing !== undefined && !connection.extended) {
    throw new VineyardError(
      'ERR_VINEYARD_UNSUPPORTED',
      'several readers, or one after the other, are offered by the embedded store only, and made over its socket'
    )
  }
  const { params = {}, name } = options
  const content = {
    typename,
    params_: stringifyJson(params),
    ...sharingFields(sharing),
    nbytes: 0,
    global: false,
    instance_id: connection.info.instanceId
  }
  const [id] = (await createData(connection, [content])) as [ObjectId]
  try {
    await createStream(connection, id, sharing)
    if (name !== undefined) await nameObject(client, id, name)
    return await reader.metadata(id)
  } catch (error) {
    await takeBack(client.core, id, error)
    throw error
  }
}

/** A name implies persist: only persistent objects can have one. */
export async function nameObject(client: Client, id: ObjectId, name: string): Promise<void> {
  await client.persist(id)
  await client.putName(id, name)
}

function readParams(meta: Metadata): JsonObject {
  const text = meta['params_']
  if (typeof text !== 'string') return {}
  let params
  try {
    params = parseJson(text)
  } catch (error) {
    throw new VineyardError('ERR_VINEYARD_METADATA', `params_ of ${meta.id} is not JSON`, { cause: error })
  }
  if (typeof params === 'object' && params !== null && !Array.isArray(params)) return params
  throw new VineyardError('ERR_VINEYARD_METADATA', `params_ of ${meta.id} is not a JSON object`)
}
