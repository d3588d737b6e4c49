import type { RecordBatch } from 'apache-arrow'
import { VineyardError } from '../errors.js'
import type { HandleOwner } from '../memory/lease.js'
import type { Metadata } from '../objects/model.js'
import type { ObjectId } from '../protocol/ids.js'
import type { JsonValue } from '../protocol/json.js'
import type { Payload } from '../protocol/payload.js'
import type { ChunkForm } from './chunk-form.js'

/** What differs from chunk to chunk. Spans are offset and size of each blob, in the bytes of the chunk. */
interface Values {
  readonly vars: readonly JsonValue[]
  readonly spans: readonly number[]
}

/** An object that came whole with a pull: a compact chunk, or a blob. */
export class InlineObject {
  constructor(
    readonly id: ObjectId,
    /** Where its bytes are. The id is that of the blob that is leased to the connection, if one is. */
    readonly place: Payload,
    /** Otherwise it lies in a block, and is to be copied out before it is given up. */
    readonly leased: boolean,
    /** Undefined for a blob. */
    readonly form: ChunkForm | undefined,
    /** Where they do not stand in the bytes themselves. */
    readonly values?: Values
  ) {}

  /** Bytes that it counts with: a header is no data. */
  get bytes(): number {
    const { size } = this.place
    return this.form === undefined || this.values !== undefined
      ? size
      : Math.max(0, size - this.form.template.headerBytes)
  }

  /** The object's metadata, and its blobs by the ids that they have in there, which mean nothing elsewhere. */
  open(bytes: Uint8Array, instanceId: number | bigint): { meta: Metadata; parts: Map<ObjectId, Uint8Array> } {
    if (this.form === undefined) {
      const meta = blobMetadata(this.id, instanceId, this.place.size)
      return { meta, parts: new Map([[this.id, bytes]]) }
    }
    const { vars, spans } = this.values ?? this.#readHeader(bytes, this.form)
    const meta = this.form.template.instantiate(
      vars,
      (index, instance) => blobMetadata(partId(index), instance as number, spans[2 * index + 1] as number),
      content => {
        content['id'] = this.id
        return content
      }
    )
    meta['id'] = this.id
    const parts = new Map<ObjectId, Uint8Array>()
    for (let index = 0; 2 * index < spans.length; index += 1) {
      const at = spans[2 * index] as number
      parts.set(partId(index), bytes.subarray(at, at + (spans[2 * index + 1] as number)))
    }
    return { meta: meta as Metadata, parts }
  }

  /** The record batch that it is, where its form has a plan for that. */
  readBatch(bytes: Uint8Array, owner: HandleOwner | undefined): RecordBatch | undefined {
    const { form, values } = this
    if (form?.plan === undefined) return undefined
    const { vars, blobs, headerBytes } = form.template
    let numbers: ArrayLike<unknown>
    let base = 0
    if (values !== undefined) {
      numbers = [...values.vars, ...values.spans]
    } else {
      if (bytes.byteLength < headerBytes) return undefined
      // A copy, because in shared memory the writer could change what has been checked.
      numbers = new Float64Array(bytes.buffer, bytes.byteOffset, vars + 2 * blobs).slice()
      base = headerBytes
    }
    return form.plan.read(bytes, numbers, base, owner)
  }

  #readHeader(bytes: Uint8Array, { template }: ChunkForm): Values {
    const { vars, blobs, headerBytes } = template
    if (bytes.byteLength < headerBytes) throw this.#damaged()
    const numbers = new Float64Array(bytes.buffer, bytes.byteOffset, vars + 2 * blobs)
    const spans: number[] = []
    for (let i = vars; i < numbers.length; i += 2) {
      const start = headerBytes + (numbers[i] as number)
      const size = numbers[i + 1] as number
      const valid = Number.isSafeInteger(start) && Number.isSafeInteger(size)
      if (!valid || start < headerBytes || size < 0 || start + size > bytes.byteLength) throw this.#damaged()
      spans.push(start, size)
    }
    return { vars: [...numbers.subarray(0, vars)], spans }
  }

  #damaged(): VineyardError {
    return new VineyardError('ERR_VINEYARD_METADATA', `the header of chunk ${this.id} is damaged`)
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
