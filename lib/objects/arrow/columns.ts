import type { Data } from 'apache-arrow'
import { pickleColumn } from '../basic/pickle-column.js'
import { metadataError } from '../fields.js'
import type { Metadata, ReadContext } from '../model.js'
import { PrefixTable } from '../prefixes.js'
import { sparseColumn } from '../pandas/sparse-array.js'
import { arrayColumn } from '../tensor/array.js'
import { tensorColumn } from '../tensor/tensor-column.js'
import { largeBinaryArray, stringArray } from './binary-array.js'
import { booleanArray } from './boolean-array.js'
import { NotAColumn } from './column-type.js'
import type { ColumnType } from './column-type.js'
import { fixedSizeBinaryArray } from './fixed-size-binary-array.js'
import { listArray } from './list-array.js'
import { nullArray } from './null-array.js'
import { numericArray } from './numeric-array.js'

/**
 * What can be a column. Upstream resolves columns like any object, so tensors and pickles can be some, too.
 */
const types: readonly ColumnType[] = [
  numericArray,
  booleanArray,
  stringArray,
  largeBinaryArray,
  fixedSizeBinaryArray,
  nullArray,
  listArray,
  tensorColumn,
  arrayColumn,
  sparseColumn,
  pickleColumn
]

const byTypename = new PrefixTable(types)

/** Lists of lists of lists … No real schema is deeper. */
const maxDepth = 64

/** Reads a column. Throws ERR_VINEYARD_METADATA, or NotAColumn for an object that has no Arrow form. */
export function readColumn(meta: Metadata, context: ReadContext, depth = 0): Data {
  if (depth >= maxDepth) throw metadataError(meta, `nested more than ${maxDepth} levels deep`)
  const { typename } = meta
  if (typeof typename !== 'string') throw metadataError(meta, '"typename" is missing')
  const type = byTypename.find(typename)
  if (type === undefined) throw new NotAColumn(meta, 'not an array')
  return type.column(meta, context, nested => readColumn(nested, context, depth + 1))
}
