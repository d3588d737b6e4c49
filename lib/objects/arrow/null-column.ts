import { Data, Type, Vector } from 'apache-arrow'
import type { DataType } from 'apache-arrow'
import { anyType, itemType } from './any-type.js'
import { bitmapBytes } from './bitmap.js'
import { fixedBits } from './widths.js'

/** A column of `length` nulls with all the buffers and children that its type has. */
export function nullColumn(dataType: DataType, length: number, dictionary?: Vector): Data {
  const type = anyType(dataType)
  const nullBitmap =
    type.typeId === Type.Null || type.typeId === Type.Union ? undefined : new Uint8Array(bitmapBytes(length))
  const make = (buffers: unknown[], children: Data[] = [], values?: Vector): Data =>
    new Data(dataType, 0, length, length, buffers as never, children as never, values)
  const bits = fixedBits(type)
  switch (type.typeId) {
    case Type.Null:
      return make([])
    case Type.Utf8:
    case Type.Binary:
      return make([new Int32Array(length + 1), new Uint8Array(0), nullBitmap])
    case Type.LargeUtf8:
    case Type.LargeBinary:
      return make([new BigInt64Array(length + 1), new Uint8Array(0), nullBitmap])
    case Type.Utf8View:
    case Type.BinaryView:
      return make([undefined, new Uint8Array(16 * length), nullBitmap])
    case Type.List:
    case Type.Map:
      return make([new Int32Array(length + 1), undefined, nullBitmap], [nullColumn(itemType(type), 0)])
    case Type.LargeList:
      return make([new BigInt64Array(length + 1), undefined, nullBitmap], [nullColumn(itemType(type), 0)])
    case Type.FixedSizeList:
      return make([undefined, undefined, nullBitmap], [nullColumn(itemType(type), length * type.listSize)])
    case Type.Struct:
      return make(
        [undefined, undefined, nullBitmap],
        (type.children ?? []).map(child => nullColumn(child.type, length))
      )
    case Type.Union: {
      const typeIds = new Int8Array(length).fill(type.typeIds[0] ?? 0)
      const offsets = type.mode === 1 ? Int32Array.from({ length }, (_, i) => i) : undefined
      const children = (type.children ?? []).map(child => nullColumn(child.type, length))
      return make([offsets, undefined, undefined, typeIds], children)
    }
    case Type.Dictionary: {
      const values = dictionary ?? new Vector([nullColumn(type.dictionary, 0)])
      return make([undefined, zeroes(type.indices, length), nullBitmap], [], values)
    }
    default:
      if (type.typeId === Type.Bool) return make([undefined, new Uint8Array(bitmapBytes(length)), nullBitmap])
      return make([
        undefined,
        zeroes(type, (length * (bits ?? 0)) / 8 / type.ArrayType.BYTES_PER_ELEMENT),
        nullBitmap
      ])
  }
}

function zeroes(type: DataType, length: number): NodeJS.TypedArray {
  return new (type.ArrayType as new (length: number) => NodeJS.TypedArray)(length)
}

/**
 * The same column, with its buffers in order where all rows are null or there are none: apache-arrow makes
 * such columns without values, offsets or children (`makeData`, and the filling up of shorter columns by
 * `RecordBatch`).
 */
export function completeColumn(data: Data, type: DataType): Data {
  const isEmpty = data.length === 0 || data.nullCount >= data.length
  if (!isEmpty || type.typeId === Type.Union) return data
  return nullColumn(type, data.length, data.dictionary)
}
