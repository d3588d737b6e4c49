import type { Metadata } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { JsonValue } from '../protocol/json.js'
import type { Payload } from '../protocol/payload.js'
import type { Template } from '../protocol/template.js'

/** An object that came whole with a pull: a compact chunk, or a blob. Its blob is leased to the connection. */
export class InlineObject {
  readonly #template: Template | undefined
  readonly #vars: readonly JsonValue[]
  readonly #spans: readonly number[]

  /** Without a template it is the blob itself. */
  constructor(
    readonly id: ObjectId,
    /** The blob that all its bytes lie in. */
    readonly blob: Payload,
    template: Template | undefined,
    vars: readonly JsonValue[],
    spans: readonly number[]
  ) {
    this.#template = template
    this.#vars = vars
    this.#spans = spans
  }

  /** The object's metadata. Its members and blobs have ids that mean something only here. */
  metadata(instanceId: number | bigint): Metadata {
    if (this.#template === undefined) return blobMetadata(this.blob.id, instanceId, this.blob.size)
    const meta = this.#template.instantiate(
      this.#vars,
      (index, instance) =>
        blobMetadata(partId(index), instance as number, this.#spans[2 * index + 1] as number),
      content => {
        content['id'] = this.id
        return content
      }
    )
    meta['id'] = this.id
    return meta as Metadata
  }

  /** The object's blobs by the ids that its metadata give them, cut out of the bytes of `blob`. */
  parts(bytes: Uint8Array): Map<ObjectId, Uint8Array> {
    if (this.#template === undefined) return new Map([[this.blob.id, bytes]])
    const parts = new Map<ObjectId, Uint8Array>()
    for (let index = 0; 2 * index < this.#spans.length; index += 1) {
      const at = this.#spans[2 * index] as number
      parts.set(partId(index), bytes.subarray(at, at + (this.#spans[2 * index + 1] as number)))
    }
    return parts
  }
}

/** No blob of a server has an id this small: they carry the time in the middle bits. */
function partId(index: number): ObjectId {
  return `o8${(index + 1).toString(16).padStart(15, '0')}` as ObjectId
}

function blobMetadata(id: ObjectId, instanceId: number | bigint, size: number): Metadata {
  return {
    id,
    typename: 'vineyard::Blob',
    instance_id: instanceId,
    length: size,
    nbytes: size,
    transient: true
  }
}
