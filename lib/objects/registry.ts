import { VineyardError } from '../errors.js'
import { attachLease } from '../memory/lease.js'
import { booleanArray } from './arrow/boolean-array.js'
import { largeBinaryArray, stringArray } from './arrow/binary-array.js'
import { fixedSizeBinaryArray } from './arrow/fixed-size-binary-array.js'
import { listArray } from './arrow/list-array.js'
import { nullArray } from './arrow/null-array.js'
import { numericArray } from './arrow/numeric-array.js'
import { recordBatch } from './arrow/record-batch.js'
import { schemaProxy } from './arrow/schema-proxy.js'
import { table } from './arrow/table.js'
import { vectorType, vectorWriter } from './arrow/vector.js'
import { blob } from './basic/blob.js'
import { pickle } from './basic/pickle.js'
import { scalar } from './basic/scalar.js'
import { sequence } from './basic/sequence.js'
import { metadataError } from './fields.js'
import type { DescribeContext, Draft, Metadata, ObjectType, ReadContext } from './model.js'
import { OpaqueObject } from './opaque.js'
import { dataFrame } from './pandas/dataframe.js'
import { globalDataFrame } from './pandas/global-dataframe.js'
import { index } from './pandas/index-type.js'
import { series } from './pandas/series-type.js'
import { sparseArray } from './pandas/sparse-array.js'
import { array } from './tensor/array.js'
import { globalTensor } from './tensor/global-tensor.js'
import { tensorType } from './tensor/tensor.js'
import { PrefixTable } from './prefixes.js'
import { typeNameOf } from './unsupported.js'

export { blobIdsOf } from './blobs.js'

/**
 * Every type there is. A value is described by the first that accepts it; a new type is a new file and a line
 * here.
 */
const types: readonly ObjectType[] = [
  scalar,
  pickle,
  blob,
  dataFrame,
  recordBatch,
  table,
  vectorWriter,
  schemaProxy,
  index,
  series,
  tensorType,
  sequence,
  vectorType(numericArray),
  vectorType(booleanArray),
  vectorType(stringArray),
  vectorType(largeBinaryArray),
  vectorType(fixedSizeBinaryArray),
  vectorType(nullArray),
  vectorType(listArray),
  array,
  globalTensor,
  sparseArray,
  globalDataFrame
]

const byTypename = new PrefixTable(types)

/** Nesting of values in values. The server was seen to take 200 levels; the stack takes more than this. */
const maxDepth = 256
let depth = 0

/**
 * The value of an object. Where there is none, an `OpaqueObject` says why. Throws ERR_VINEYARD_METADATA for
 * metadata that is inconsistent. A value that keeps memory holds `context.handle` and is released by it; any
 * other releases it here.
 */
export function read(meta: Metadata, context: ReadContext): unknown {
  if (typeof meta.typename !== 'string') throw metadataError(meta, '"typename" is missing')
  if (depth >= maxDepth) throw metadataError(meta, `nested more than ${maxDepth} levels deep`)
  depth += 1
  try {
    const type = byTypename.find(meta.typename)
    const value =
      type === undefined
        ? new OpaqueObject(meta, `there is no reader for ${meta.typename}`, context)
        : type.read(meta, context, read)
    const { handle } = context
    if (handle === undefined) return value
    if (value instanceof OpaqueObject) attachLease(value, handle)
    else if (!holdsMemory(value)) handle.release()
    return value
  } finally {
    depth -= 1
  }
}

/** A value with memory in it has been given a way to release it. */
function holdsMemory(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Symbol.dispose in value
}

/**
 * The draft of a value. Throws VineyardError ERR_VINEYARD_TYPE for a value that cannot be stored; nothing has
 * been allocated then.
 */
export function describe(value: unknown, { as }: { as?: DescribeContext['as'] } = {}): Draft {
  const context: DescribeContext = { as, describe: part => describePart(part, context) }
  if (as !== undefined && !dataFrame.accepts(value, { ...context, as: 'dataframe' })) {
    throw new VineyardError(
      'ERR_VINEYARD_TYPE',
      `only a RecordBatch can be stored as '${as}', not ${typeNameOf(value)}`
    )
  }
  return describePart(value, context)
}

function describePart(value: unknown, context: DescribeContext): Draft {
  const type = types.find(candidate => candidate.accepts?.(value, context) === true)
  if (type?.describe === undefined) {
    throw new VineyardError('ERR_VINEYARD_TYPE', `${typeNameOf(value)} cannot be stored`)
  }
  return type.describe(value, context)
}
