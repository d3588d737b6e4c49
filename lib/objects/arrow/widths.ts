import { Type } from 'apache-arrow'
import type { DataType } from 'apache-arrow'
import { anyType } from './any-type.js'

/** Bits of a value in the buffer of a type of fixed width; undefined for other types. */
export function fixedBits(dataType: DataType): number | undefined {
  const type = anyType(dataType)
  switch (type.typeId) {
    case Type.Bool:
      return 1
    case Type.Int:
    case Type.Decimal:
    case Type.Time:
      return type.bitWidth
    case Type.Float:
      return 16 << type.precision
    case Type.Date:
      return type.unit === 0 ? 32 : 64
    case Type.Timestamp:
    case Type.Duration:
      return 64
    case Type.Interval:
      return ([32, 64, 128] as const)[type.unit]
    case Type.FixedSizeBinary:
      return 8 * type.byteWidth
    case Type.Dictionary:
      return anyType(type.indices).bitWidth
    default:
      return undefined
  }
}
