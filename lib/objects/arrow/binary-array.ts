import { Binary, LargeBinary, LargeUtf8, Utf8 } from 'apache-arrow'
import type { Data, DataType } from 'apache-arrow'
import { metadataError } from '../fields.js'
import { BlobDraft } from '../model.js'
import type { Draft, Metadata, ReadContext } from '../model.js'
import { arrayDraft, coveredRange, offsetsDraft } from './array-draft.js'
import { arrayFields } from './array-fields.js'
import type { ColumnType } from './column-type.js'
import { makeColumn } from './leased-data.js'
import { checkOffsets, readOffsets } from './offsets.js'

/** vineyard::LargeStringArray and StringArray: UTF-8 texts, with 64-bit and 32-bit offsets. */
export const stringArray: ColumnType = {
  typenames: [
    'vineyard::LargeStringArray',
    'vineyard::BaseBinaryArray<arrow::LargeStringArray>',
    'vineyard::StringArray',
    'vineyard::BaseBinaryArray<arrow::StringArray>'
  ],
  column: (meta, context) =>
    isWide(meta) ? read(meta, context, new LargeUtf8(), true) : read(meta, context, new Utf8(), false)
}

/** vineyard::LargeBinaryArray and BinaryArray: byte strings. */
export const largeBinaryArray: ColumnType = {
  typenames: [
    'vineyard::LargeBinaryArray',
    'vineyard::BaseBinaryArray<arrow::LargeBinaryArray>',
    'vineyard::BinaryArray',
    'vineyard::BaseBinaryArray<arrow::BinaryArray>'
  ],
  column: (meta, context) =>
    isWide(meta) ? read(meta, context, new LargeBinary(), true) : read(meta, context, new Binary(), false)
}

/** The column of a member that has to be an array of texts. */
export function readTextArray(meta: Metadata, context: ReadContext): Data<LargeUtf8> {
  const isText =
    typeof meta.typename === 'string' && stringArray.typenames.some(name => meta.typename.startsWith(name))
  if (!isText) throw metadataError(meta, 'not an array of texts')
  const type = isWide(meta) ? new LargeUtf8() : new Utf8()
  return read(meta, context, type, isWide(meta)) as Data<LargeUtf8>
}

function isWide(meta: Metadata): boolean {
  return meta.typename.includes('Large')
}

function read(meta: Metadata, context: ReadContext, type: DataType, wide: boolean): Data {
  const { length, offset, nullBitmap, nullCount } = arrayFields(meta, context)
  const values = context.blob(meta, 'buffer_data_')
  const offsets = readOffsets(meta, context.blob(meta, 'buffer_offsets_'), wide, offset, length)
  checkOffsets(meta, offsets, values.byteLength)
  return makeColumn(context.handle, {
    type,
    length,
    offset,
    nullCount,
    buffers: [offsets, values, nullBitmap]
  })
}

/** Texts, always with 64-bit offsets: the one form that Python and C++ both read. */
export function describeString(data: Data): Draft {
  return describeBytes('vineyard::BaseBinaryArray<arrow::LargeStringArray>', data)
}

/** Byte strings, under the name that Python reads (which is not the one it writes). */
export function describeBinary(data: Data): Draft {
  return describeBytes('vineyard::LargeBinaryArray', data)
}

function describeBytes(typename: string, data: Data): Draft {
  const values = data.values as Uint8Array | undefined
  const { begin, end } = coveredRange(data, values?.byteLength ?? 0)
  return arrayDraft(typename, data, {
    buffer_offsets_: offsetsDraft(data),
    buffer_data_:
      values === undefined || begin === end
        ? BlobDraft.empty
        : new BlobDraft(end - begin, target => target.set(values.subarray(begin, end)))
  })
}
