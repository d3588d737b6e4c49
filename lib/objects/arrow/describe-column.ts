import { Type } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import type { Draft } from '../model.js'
import { isOneOf, itemType, typeOf } from './any-type.js'
import type { AnyType } from './any-type.js'
import { describeBinary, describeString } from './binary-array.js'
import { describeBoolean } from './boolean-array.js'
import { describeFixedSizeBinary } from './fixed-size-binary-array.js'
import { describeFixedSizeList, describeList } from './list-array.js'
import { describeNull } from './null-array.js'
import { completeColumn } from './null-column.js'
import { describeNumeric } from './numeric-array.js'
import { describePickledArrow } from './pickled-arrow.js'
import { storageOf } from './primitive-types.js'

/**
 * Whether a type is stored as plain arrays that readers cast to the type in the schema: numbers, booleans,
 * texts, bytes and lists of these. `own` is for an array without a schema, whose typename has to say the
 * type.
 */
function isPlain(type: AnyType, own: boolean): boolean {
  switch (type.typeId) {
    case Type.Null:
    case Type.Bool:
    case Type.Utf8:
    case Type.LargeUtf8:
    case Type.Binary:
    case Type.LargeBinary:
    case Type.FixedSizeBinary:
      return true
    case Type.List:
    case Type.LargeList:
      return isPlain(itemType(type), own) && (own || !endsInNull(type))
    case Type.FixedSizeList:
      return !own && isPlain(itemType(type), own) && !endsInNull(type)
    default:
      break
  }
  const storage = storageOf(type)
  return storage !== undefined && (!own || storage.own !== undefined)
}

/** Lists of the null type, which lose rows when Python casts them to the type in the schema (pyarrow 26). */
function endsInNull(type: AnyType): boolean {
  if (isOneOf(type, Type.List, Type.LargeList, Type.FixedSizeList)) return endsInNull(itemType(type))
  return type.typeId === Type.Null
}

/**
 * The draft of a column. What has no plain form (structs, maps, dictionaries, decimals, unions …) is pickled
 * for Python around the bytes of Arrow's IPC format, as Python itself pickles such columns. `own`: outside a
 * batch.
 */
export function describeColumn(data: Data, own = false): Draft {
  return isPlain(typeOf(data), own) ? describePlain(data, own) : describePickledArrow([data])
}

function describePlain(given: Data, own: boolean): Draft {
  const type = typeOf(given)
  const nested = isOneOf(type, Type.List, Type.LargeList, Type.FixedSizeList)
  const data = nested ? completeColumn(given, type) : given
  switch (type.typeId) {
    case Type.Null:
      return describeNull(data)
    case Type.Bool:
      return describeBoolean(data)
    case Type.Utf8:
    case Type.LargeUtf8:
      return describeString(data)
    case Type.Binary:
    case Type.LargeBinary:
      return describeBinary(data)
    case Type.FixedSizeBinary:
      return describeFixedSizeBinary(data, type.byteWidth)
    case Type.List:
    case Type.LargeList:
      return describeList(data, values => describePlain(values, own))
    case Type.FixedSizeList:
      return describeFixedSizeList(data, type.listSize, values => describePlain(values, own))
    default:
      break
  }
  const storage = storageOf(type)
  if (storage === undefined) return describePickledArrow([data])
  return describeNumeric(data, storage, own && storage.own !== undefined ? storage.own : storage.name)
}
