import { VineyardError } from '../../errors.js'
import { metadataError, optional } from '../fields.js'
import { ObjectDraft } from '../model.js'
import type { Metadata, ObjectType } from '../model.js'
import { OpaqueObject } from '../opaque.js'

const int64 = { min: -(2n ** 63n), max: 2n ** 63n - 1n }

/**
 * vineyard::Scalar<…>: one number, text or boolean, in the metadata itself. As Python writes them, `type_` is
 * the name of the Python class; booleans are `Scalar<int>`.
 *
 * Safe integers and bigint are `Scalar<int>`. All other numbers are `Scalar<double>`, including integers past
 * 2^53: they stand for a range, not for one integer. Python reads `value_` with `float(…)`, which takes a
 * text, and a text it is for the doubles that metadata would lose: NaN and the infinities (null in JSON), -0,
 * and integers that a reader of the metadata would take for a 64-bit integer.
 */
export const scalar: ObjectType = {
  typenames: ['vineyard::Scalar'],

  read(meta, context) {
    const value = optional(meta, 'value_')
    const kind = /^vineyard::Scalar<(.*)>$/.exec(meta.typename)?.[1]
    switch (kind) {
      case 'int':
        if (typeof value === 'boolean' && optional(meta, 'type_') !== 'bool') {
          // The binding of vineyard 0.24.2 stores `true` for an int past int64.
          return new OpaqueObject(meta, 'its writer (Python) lost an integer beyond 64 bits', context)
        }
        return typeof value === 'boolean' ? value : integerOf(meta, value)
      case 'float':
      case 'double':
        if (value === null) {
          return new OpaqueObject(meta, 'its writer (Python) lost a NaN or an infinity', context)
        }
        return doubleOf(meta, value)
      case 'std::string':
        if (typeof value === 'string') return value
        throw metadataError(meta, '"value_" is not a text')
      default:
        break
    }
    if (['string', 'number', 'boolean', 'bigint'].includes(typeof value)) return value
    throw metadataError(meta, '"value_" is not a scalar')
  },

  accepts: value => ['number', 'bigint', 'string', 'boolean'].includes(typeof value),

  describe(value) {
    switch (typeof value) {
      case 'boolean':
        return new ObjectDraft('vineyard::Scalar<int>', { type_: 'bool', value_: value, nbytes: 0 })
      case 'string':
        return new ObjectDraft('vineyard::Scalar<std::string>', { type_: 'str', value_: value, nbytes: 0 })
      case 'bigint':
        if (value < int64.min || value > int64.max) {
          throw new VineyardError('ERR_VINEYARD_TYPE', `${value} cannot be stored: an integer has 64 bits`)
        }
        return new ObjectDraft('vineyard::Scalar<int>', { type_: 'int', value_: value, nbytes: 0 })
      default:
        break
    }
    const number = value as number
    if (Number.isSafeInteger(number) && !Object.is(number, -0)) {
      return new ObjectDraft('vineyard::Scalar<int>', { type_: 'int', value_: number, nbytes: 0 })
    }
    return new ObjectDraft('vineyard::Scalar<double>', {
      type_: 'float',
      value_: doubleField(number),
      nbytes: 0
    })
  }
}

function doubleField(value: number): number | string {
  if (Number.isFinite(value) && !Number.isInteger(value)) return value
  if (Object.is(value, -0)) return '-0.0'
  if (Number.isNaN(value)) return 'nan'
  if (Number.isFinite(value)) return value.toExponential()
  return value > 0 ? 'inf' : '-inf'
}

/** A number where it is exact, a bigint otherwise. */
function integerOf(meta: Metadata, value: unknown): number | bigint {
  const isText = typeof value === 'string' && /^\s*[+-]?\d{1,20}\s*$/.test(value)
  if (typeof value === 'bigint' || Number.isInteger(value) || isText) {
    const integer = BigInt((isText ? value.trim() : value) as string | number | bigint)
    const number = Number(integer)
    return Number.isSafeInteger(number) ? number : integer
  }
  throw metadataError(meta, '"value_" is not an integer')
}

/** As Python's `float(…)` reads it. */
function doubleOf(meta: Metadata, value: unknown): number {
  if (typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean')
    return Number(value)
  if (typeof value === 'string') {
    const named = /^\s*([+-]?)(nan|inf|infinity)\s*$/i.exec(value)
    if (named !== null) {
      if (named[2]?.toLowerCase() === 'nan') return NaN
      return named[1] === '-' ? -Infinity : Infinity
    }
    if (/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return Number(value)
  }
  throw metadataError(meta, '"value_" is not a number')
}
