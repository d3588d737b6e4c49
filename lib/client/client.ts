import { abortable, throwIfAborted } from '../abort.js'
import { Status, VineyardError } from '../errors.js'
import { release } from '../memory/lease.js'
import { captureOrigin, type Origin } from '../memory/lease-account.js'
import { BlobDraft, type Metadata } from '../objects/model.js'
import { describe } from '../objects/registry.js'
import { checkOptions, isBoolean, isInteger, isOneOf, isSignal, isString, isText } from '../options.js'
import { checkObjectId, isBlobId, type ObjectId } from '../protocol/ids.js'
import type { JsonObject } from '../protocol/json.js'
import type { Status as ServerStatus } from '../protocol/status.js'
import { sweep } from '../streams/orphans.js'
import { isStreamType, streamFromMetadata } from '../streams/stream-types.js'
import { ClientCore } from './client-core.js'
import type { Connection } from './connection.js'
import { addRemoteParts } from './global-parts.js'
import type { StreamStats } from './counters.js'
import { migrateFrom } from './migration.js'
import { buildObject, type BuiltObject } from './object-builder.js'
import { nameWhenPut } from './name-when-put.js'
import * as metadata from './requests/metadata.js'
import * as names from './requests/names.js'
import { clusterMeta, instanceStatus } from './requests/status.js'
import { connectionSettings, type ConnectOptions } from './settings.js'

/** Upstream takes -1 for "all": the limit is an unsigned integer there. */
const noLimit = -1

/** Options of `client.put`. */
export interface PutOptions {
  /** What a RecordBatch or Table becomes: itself by default, or a vineyard::DataFrame, which Python reads as pandas. */
  as?: 'recordbatch' | 'dataframe' | undefined
  /** Ends the wait; what was stored all the same is deleted. */
  signal?: AbortSignal | undefined
}

/** Options of `client.get`. */
export interface GetOptions {
  /**
   * Whether the value looks at shared memory (until it is released or collected) instead of a copy. By default true on
   * the embedded store, which keeps the memory, and false on a vineyardd, where anyone may delete the object; there
   * `true` takes a lease.
   */
  zeroCopy?: boolean | undefined
  /**
   * Of a global object (`GlobalDataFrame`, `GlobalTensor`): whether the parts on other instances are fetched as well, over
   * TCP. False by default: an array of those on the client's own instance, as in Python.
   */
  allParts?: boolean | undefined
  /** Ends the wait. */
  signal?: AbortSignal | undefined
}

/** Options of `client.getName`. */
export interface GetNameOptions {
  /**
   * Wait until somebody puts the name, instead of ERR_VINEYARD_NOT_FOUND; false by default. A vineyardd is asked for it every
   * 50 ms.
   */
  wait?: boolean | undefined
  /** Ends the wait. */
  signal?: AbortSignal | undefined
}

/** Options of `client.migrate`. */
export interface MigrateOptions {
  /** Ends the wait; what the instances have begun goes on. */
  signal?: AbortSignal | undefined
}

/** Options of `client.delete`. */
export interface DeleteOptions {
  /** Delete even what other objects use, together with those. */
  force?: boolean | undefined
  /** Delete member objects that nobody else uses as well (the default). */
  deep?: boolean | undefined
}

/** Options of `client.list` and `client.listNames`. */
export interface ListOptions {
  /** Glob on the typename, '*' by default; a full-match regular expression with `regex`. */
  pattern?: string | undefined
  /** Whether `pattern` is a regular expression; false by default. */
  regex?: boolean | undefined
  /** How many at most; all by default. */
  limit?: number | undefined
}

const getChecks = { zeroCopy: isBoolean, allParts: isBoolean, signal: isSignal }
const listChecks = { pattern: isString, regex: isBoolean, limit: isInteger(0) }

/** The same numbers for all streams of a client, and the values that it got. */
export type ClientStats = StreamStats

/**
 * Connects to a Vineyard server: the embedded store or a real vineyardd. `address` is the path of its Unix socket, or
 * tcp://host:port, where everything is copied; without one $VINEYARD_IPC_SOCKET, then $VINEYARD_RPC_ENDPOINT, then
 * /var/run/vineyard.sock. Rejects with ERR_VINEYARD_CONNECT, ERR_VINEYARD_AUTH,
 * ERR_VINEYARD_TIMEOUT or an AbortError.
 */
export async function connect(address?: string, options: ConnectOptions = {}): Promise<Client> {
  const origin = captureOrigin()
  return Client.connect(connectionSettings(address, options), options.signal, origin)
}

/** A connection to a Vineyard server. It keeps the process alive only while something is pending. */
export class Client {
  /** @internal */
  readonly core: ClientCore

  private constructor(core: ClientCore) {
    this.core = core
  }

  /** @internal */
  static async connect(
    settings: ClientCore['settings'],
    signal?: AbortSignal,
    origin?: Origin
  ): Promise<Client> {
    const core = await ClientCore.open(settings, signal, origin)
    // A vineyardd does not free what the dead held.
    if (!core.connection.extended) void sweep(core)
    return new Client(core)
  }

  /** Path of the server's socket, or tcp://host:port. */
  get address(): string {
    return this.core.settings.address
  }

  /** Another connection with the same settings. */
  async fork(): Promise<Client> {
    return new Client(await this.core.fork())
  }

  /**
   * Stores a value. Buffer and ArrayBuffer become a Blob, typed arrays a Tensor, RecordBatch and Table themselves,
   * numbers, bigints, strings and booleans a Scalar, arrays a Sequence. Rejects with ERR_VINEYARD_TYPE before anything
   * is allocated, or ERR_VINEYARD_NO_MEMORY.
   */
  async put(value: unknown, options: PutOptions = {}): Promise<ObjectId> {
    checkOptions(options, { as: isOneOf('recordbatch', 'dataframe'), signal: isSignal })
    throwIfAborted(options.signal)
    const { connection } = this.core
    const draft = describe(value, { as: options.as })
    this.core.checkOpen()
    const built = this.core.endsFirst(
      buildObject(connection, draft, {
        wait: false,
        scoped: !(draft instanceof BlobDraft),
        scopedRoot: false
      })
    )
    const undo = ({ id }: BuiltObject): void =>
      void this.core
        .endsFirst(metadata.deleteData(connection, [id], { force: false, deep: true }))
        .catch(() => {})
    return (await abortable(built, options.signal, undo)).id
  }

  /**
   * The value of an object, or a stream object when `id` names a stream; `T` is what the caller expects it to be. Rejects
   * with ERR_VINEYARD_NOT_FOUND.
   */
  async get<T = any>(id: ObjectId | string, options: GetOptions = {}): Promise<T> {
    checkOptions(options, getChecks)
    throwIfAborted(options.signal)
    const objectId = checkObjectId(id)
    // To its end, so that values that are got one after the other need one connection.
    const getting = this.core.inquire(connection => this.#get(connection, objectId, options))
    return (await abortable(getting, options.signal, value => void release(value))) as T
  }

  /** The metadata of an object: `id`, `typename`, its fields, its members nested. Integers beyond 2^53 are bigint. */
  async getMeta(id: ObjectId | string): Promise<Metadata> {
    const objectId = checkObjectId(id)
    return this.core.inquire(connection => metadata.metadataOf(connection, objectId, { syncRemote: true }))
  }

  /** Whether an object or blob exists on the server. */
  async exists(id: ObjectId | string): Promise<boolean> {
    const objectId = checkObjectId(id)
    return this.core.inquire(connection => metadata.exists(connection, objectId))
  }

  /** Deletes objects. Unknown ids are not an error; objects that others use stay unless `force`. */
  async delete(
    ids: ObjectId | string | readonly (ObjectId | string)[],
    options: DeleteOptions = {}
  ): Promise<void> {
    checkOptions(options, { force: isBoolean, deep: isBoolean })
    const list = (Array.isArray(ids) ? ids : [ids]).map(id => checkObjectId(id))
    const { force = false, deep = true } = options
    await this.core.inquire(connection => metadata.deleteData(connection, list, { force, deep }))
  }

  /** Metadata of the objects whose typename matches. */
  async list(options: ListOptions = {}): Promise<Metadata[]> {
    checkOptions(options, listChecks)
    const { pattern = '*', regex = false, limit = noLimit } = options
    return metadata.listData(this.core.connection, pattern, regex, limit)
  }

  /**
   * Gives an object a name, replacing the name's earlier object. Rejects with ERR_VINEYARD_INVALID for one that is not
   * persistent (`persist`), and for a blob.
   */
  async putName(id: ObjectId | string, name: string): Promise<void> {
    const objectId = checkObjectId(id)
    checkName(name)
    try {
      await this.core.inTurn(connection => names.putName(connection, objectId, name))
    } catch (cause) {
      const { status } = cause as VineyardError
      if (status !== Status.Invalid || isBlobId(objectId)) throw cause
      throw new VineyardError(
        'ERR_VINEYARD_INVALID',
        `only a persistent object can have a name: await client.persist('${objectId}') first`,
        { status, cause }
      )
    }
  }

  /** The object of a name. With `wait` it waits until somebody puts the name, otherwise ERR_VINEYARD_NOT_FOUND. */
  async getName(name: string, options: GetNameOptions = {}): Promise<ObjectId> {
    checkOptions(options, { wait: isBoolean, signal: isSignal })
    const { signal } = options
    throwIfAborted(signal)
    checkName(name)
    if (options.wait !== true)
      return abortable(
        this.core.inquire(connection => names.getName(connection, name, false)),
        signal
      )
    // A waiting request blocks its connection and can only be recalled by closing it.
    return this.core.briefly(connection => nameWhenPut(connection, name), signal)
  }

  /** Removes a name; the object stays. */
  async dropName(name: string): Promise<void> {
    checkName(name)
    await this.core.inTurn(connection => names.dropName(connection, name))
  }

  /** Names that match a glob, with their objects. */
  async listNames(options: ListOptions = {}): Promise<Record<string, ObjectId>> {
    checkOptions(options, listChecks)
    const { pattern = '*', regex = false, limit = noLimit } = options
    return this.core.inquire(connection => names.listNames(connection, pattern, regex, limit))
  }

  /**
   * Makes an object and its members visible to other instances; only persistent objects can have names. Rejects with
   * ERR_VINEYARD_INVALID for a blob, and with ERR_VINEYARD_TIMEOUT where a vineyardd has lost its etcd: it may do it later
   * all the same.
   */
  async persist(id: ObjectId | string): Promise<void> {
    const objectId = checkObjectId(id)
    try {
      await this.core.inTurn(connection => metadata.persist(connection, objectId))
    } catch (cause) {
      const { status } = cause as VineyardError
      if (status !== Status.AssertionFailed || !isBlobId(objectId)) throw cause
      throw new VineyardError(
        'ERR_VINEYARD_INVALID',
        'a blob cannot be persistent by itself: put its bytes as a Uint8Array, which becomes a tensor',
        { status, cause }
      )
    }
  }

  /** What each instance of the cluster says of itself, by its key ('i0'). */
  async clusterMeta(): Promise<JsonObject> {
    return this.core.inquire(clusterMeta)
  }

  /**
   * Brings a persistent object of another instance here. An object that is here already keeps its id, and one that has been
   * brought here before has the id of its copy.
   *
   * It may take as long as it takes, while the other instance answers this client as well; that is asked once a second,
   * over TCP. Where the client cannot reach that instance its `timeout` is the limit. What the instances have begun goes on
   * after an abort, `close()` or ERR_VINEYARD_TIMEOUT, and the next call answers with the copy. A vineyardd 0.24 whose
   * other side dies meanwhile keeps the memory that it had reserved until it is started anew: nobody can name it.
   *
   * Rejects with ERR_VINEYARD_TYPE for a stream or a group of streams, ERR_VINEYARD_NOT_FOUND also where an object of
   * another instance is not persistent, ERR_VINEYARD_CONNECTION_LOST or ERR_VINEYARD_TIMEOUT where that instance dies or
   * falls silent meanwhile, or an AbortError.
   */
  async migrate(id: ObjectId | string, options: MigrateOptions = {}): Promise<ObjectId> {
    checkOptions(options, { signal: isSignal })
    const { signal } = options
    throwIfAborted(signal)
    const objectId = checkObjectId(id)
    const meta = await abortable(this.#metaToMigrate(objectId), signal)
    if (this.#isElsewhere(meta)) return migrateFrom(this.core, meta.instance_id, objectId, signal)
    return this.core.alone(connection => metadata.migrate(connection, objectId, { waits: false }), signal)
  }

  /** What the server says of its memory and connections. */
  async status(): Promise<ServerStatus> {
    return instanceStatus(this.core.connection)
  }

  /** What this client's streams, readers and writers have done so far, and what it holds. */
  stats(): ClientStats {
    return this.core.counters.snapshot()
  }

  /**
   * Ends every wait of this client with ERR_VINEYARD_CLOSED, and the readers and writers opened through it. A `put` that is
   * under way is finished before. Zero-copy values stay intact until they are released. Idempotent.
   */
  async close(): Promise<void> {
    await this.core.close()
  }

  /** Does what `close()` does, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #get(asking: Connection, id: ObjectId, { zeroCopy, allParts, signal }: GetOptions): Promise<unknown> {
    const { connection, reader } = this.core
    const meta = await metadata.metadataOf(asking, id, { syncRemote: true })
    throwIfAborted(signal)
    const stream = await streamFromMetadata(this, meta)
    if (stream !== undefined) return stream
    throwIfAborted(signal)
    if (this.#isElsewhere(meta)) {
      const there = await this.core.at(meta.instance_id)
      return (await there.reader.read(id, 'copy', meta)).value
    }
    const mode = (zeroCopy ?? connection.extended) ? 'lease' : 'copy'
    const { value } = await reader.read(id, mode, meta)
    if (allParts === true && meta.global === true) await addRemoteParts(this.core, meta, value)
    return value
  }

  /** Throws for what cannot be brought from one instance to another. */
  async #metaToMigrate(id: ObjectId): Promise<Metadata> {
    let meta
    try {
      meta = await this.getMeta(id)
    } catch (cause) {
      const { code, status } = cause as VineyardError
      if (code !== 'ERR_VINEYARD_NOT_FOUND') throw cause
      const message = `object ${id} does not exist, or is not persistent: await client.persist('${id}') where it is`
      throw new VineyardError(code, message, { status, cause })
    }
    if (!isStreamType(meta.typename)) return meta
    throw new VineyardError(
      'ERR_VINEYARD_TYPE',
      `${id} is a ${meta.typename}, which stays on its instance: it can be read and written from here`
    )
  }

  /** An object of another instance of the cluster is fetched from there; of a global one what is here is read. */
  #isElsewhere({ instance_id, global }: Metadata): boolean {
    return global !== true && String(instance_id) !== String(this.core.connection.info.instanceId)
  }

  /** @internal A client of another instance of the cluster, over TCP, which is closed with this one. */
  async at(instance: number | bigint): Promise<Client> {
    const core = await this.core.at(instance)
    return core === this.core ? this : new Client(core)
  }
}

function checkName(name: string): void {
  isText(name, '"name" argument')
}
