/**
 * The two directions of an object type. Reading: metadata as the server sent it plus the bytes of its blobs
 * make a value. Writing: a value makes a draft, a tree that says what will be allocated and linked; nothing
 * is allocated before the whole draft exists, so a value that cannot be stored is refused without leaving
 * anything behind. How a draft becomes objects (step by step on vineyardd, in composite requests on the
 * store) is not the type's business.
 */
import type { LeaseHandle } from '../memory/lease.js'
import type { ObjectId } from '../protocol/ids.js'
import type { JsonValue } from '../protocol/json.js'

/** Metadata of an object: its fields, and its members as nested metadata. Long integers are bigint. */
export interface Metadata {
  /** The object's id. */
  id: ObjectId
  /** What it is, such as `vineyard::Tensor<int64>`. */
  typename: string
  /** The instance of the cluster that has it. */
  instance_id: number | bigint
  /** Fields of its type, and its members. */
  [key: string]: JsonValue
}

/**
 * A blob that is to be made: `fill` writes all of its `size` bytes. An empty one (size 0) is never filled.
 */
export class BlobDraft {
  /** `pieces`: the bytes as they lie in memory already, for whoever can send them from there. */
  constructor(
    readonly size: number,
    readonly fill: (target: Uint8Array) => void,
    readonly pieces?: readonly Uint8Array[]
  ) {}

  /** A blob with the bytes of `source`, copied when the blob is filled. */
  static copyOf(source: ArrayBufferView | ArrayBufferLike): BlobDraft {
    const bytes = ArrayBuffer.isView(source)
      ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
      : new Uint8Array(source)
    return new BlobDraft(bytes.byteLength, target => target.set(bytes), [bytes])
  }

  static readonly empty = new BlobDraft(0, () => {})
}

/**
 * An object that is to be made. `fields` must not contain JSON objects: the server takes those for members.
 */
export class ObjectDraft {
  constructor(
    readonly typename: string,
    readonly fields: Readonly<Record<string, JsonValue>>,
    readonly members: Readonly<Record<string, Draft>> = {}
  ) {}
}

/** A member that exists already. */
export class ExistingObject {
  constructor(readonly meta: Metadata) {}
}

export type Draft = BlobDraft | ObjectDraft | ExistingObject

/** What a type needs to turn metadata into a value. */
export interface ReadContext {
  /**
   * The bytes of the blob member `key`: a view of shared memory, or a copy where the caller asked for one.
   * Zero bytes for the empty blob. Throws ERR_VINEYARD_METADATA where there is no such blob.
   */
  blob(meta: Metadata, key: string): Uint8Array
  /**
   * The member `key` of an object, as metadata. Throws ERR_VINEYARD_METADATA if it is not a member object.
   */
  member(meta: Metadata, key: string): Metadata
  /** The value of a member, by its typename. */
  read(meta: Metadata): unknown
  /**
   * The holder under which the bytes may be read, for values that must fail once it has been released;
   * undefined for copies. A value with parts that are released one by one (a Table) takes a handle for each
   * with `newHandle`.
   */
  readonly handle: LeaseHandle | undefined
  newHandle(): LeaseHandle | undefined
  /**
   * The instance of the server; partitions of global objects on other instances are left out. Undefined: all
   * are local.
   */
  readonly instanceId?: number | bigint | undefined
}

/** Where a draft is made for: `as` is put()'s option. */
export interface DescribeContext {
  readonly as?: 'recordbatch' | 'dataframe' | undefined
  /** The draft of a part, by its value. */
  describe(value: unknown): Draft
}

/** The value of a part that is released by itself, read under a context of its own. */
export type PartReader = (meta: Metadata, context: ReadContext) => unknown

/** One object type: its reader and, where this package can make it, its writer. */
export interface ObjectType {
  /**
   * Typenames this type reads: a full typename, or a prefix as upstream's resolvers match them (longest
   * first).
   */
  readonly typenames: readonly string[]
  read(meta: Metadata, context: ReadContext, readPart: PartReader): unknown
  /** Whether `describe` takes this value. Types are asked in the order of the registry. */
  accepts?(value: unknown, context: DescribeContext): boolean
  /** Throws VineyardError ERR_VINEYARD_TYPE, naming column and type, for a value that cannot be stored. */
  describe?(value: unknown, context: DescribeContext): Draft
}
