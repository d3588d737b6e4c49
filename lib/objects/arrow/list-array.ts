import { Field, FixedSizeList, LargeList, List } from 'apache-arrow'
import type { Data } from 'apache-arrow'
import { count, integer, maxLength, metadataError } from '../fields.js'
import { BlobDraft } from '../model.js'
import type { Draft, Metadata, ReadContext } from '../model.js'
import { arrayDraft, coveredRange, offsetsDraft } from './array-draft.js'
import { arrayFields } from './array-fields.js'
import type { ColumnReader, ColumnType } from './column-type.js'
import { makeColumn } from './leased-data.js'
import { checkOffsets, readOffsets } from './offsets.js'

/**
 * vineyard::LargeListArray and ListArray: lists, with 64-bit and 32-bit offsets into another array.
 * FixedSizeListArray (C++ only) is the same without offsets.
 */
export const listArray: ColumnType = {
  typenames: [
    'vineyard::LargeListArray',
    'vineyard::BaseListArray<arrow::LargeListArray>',
    'vineyard::ListArray',
    'vineyard::BaseListArray<arrow::ListArray>',
    'vineyard::FixedSizeListArray'
  ],

  column(meta, context, nested) {
    if (meta.typename.startsWith('vineyard::FixedSizeListArray')) return readFixedSize(meta, context, nested)
    const wide = meta.typename.includes('Large')
    const { length, offset, nullBitmap, nullCount } = arrayFields(meta, context)
    const values = nested(context.member(meta, 'values_'))
    const offsets = readOffsets(meta, context.blob(meta, 'buffer_offsets_'), wide, offset, length)
    checkOffsets(meta, offsets, values.length)
    const child = new Field('item', values.type, true)
    return makeColumn(context.handle, {
      type: wide ? new LargeList(child) : new List(child),
      length,
      offset,
      nullCount,
      buffers: [offsets, undefined, nullBitmap],
      children: [values]
    })
  }
}

function readFixedSize(meta: Metadata, context: ReadContext, nested: ColumnReader): Data {
  const length = count(meta, 'length_')
  const size = integer(meta, 'list_size_', 0, maxLength)
  const values = nested(context.member(meta, 'values_'))
  if (length * size > values.length) throw metadataError(meta, '"values_" has too few values')
  return makeColumn(context.handle, {
    type: new FixedSizeList(size, new Field('item', values.type, true)),
    length,
    nullCount: 0,
    buffers: [],
    children: [values.slice(0, length * size)]
  })
}

/** Lists of any width: 64-bit offsets from 0 and the values they cover, described by `describeValues`. */
export function describeList(data: Data, describeValues: (values: Data) => Draft): Draft {
  const child = data.children[0] as Data
  const { begin, end } = coveredRange(data, child.length)
  return arrayDraft('vineyard::LargeListArray', data, {
    buffer_offsets_: offsetsDraft(data),
    values_: describeValues(child.slice(begin, end - begin))
  })
}

/**
 * Lists of one fixed size, as lists with regular offsets. Null lists keep their values, so that a reader can
 * take the values as they are; Python casts them back (tried with pyarrow 26).
 */
export function describeFixedSizeList(
  data: Data,
  size: number,
  describeValues: (values: Data) => Draft
): Draft {
  const { length } = data
  const child = data.children[0] as Data
  const offsets = new BlobDraft((length + 1) * 8, target => {
    const view = new DataView(target.buffer, target.byteOffset, target.byteLength)
    for (let i = 0; i <= length; i += 1) {
      view.setUint32(8 * i, (i * size) >>> 0, true)
      view.setUint32(8 * i + 4, Math.floor((i * size) / 2 ** 32), true)
    }
  })
  return arrayDraft('vineyard::LargeListArray', data, {
    buffer_offsets_: offsets,
    values_: describeValues(child.slice(0, length * size))
  })
}
