import type { Data, LargeUtf8 } from 'apache-arrow'
import { attachLease } from '../../memory/lease.js'
import { viewValues } from '../arrow/array-fields.js'
import { describeString, readTextArray } from '../arrow/binary-array.js'
import { utf8Column } from '../arrow/utf8-column.js'
import { elementsOf, jsonText, metadataError, optional, shapeOf, text } from '../fields.js'
import { BlobDraft, ObjectDraft } from '../model.js'
import type { Draft, Metadata, ObjectType, ReadContext } from '../model.js'
import { OpaqueObject } from '../opaque.js'
import { dtypeNamed, dtypeOfArray } from './dtype.js'
import type { Dtype, TensorArray } from './dtype.js'
import { encodeUcs4, fixedWidthType, readFixedWidth, widthOfTexts } from './fixed-width.js'
import { propertiesOf, requireFit, withProperties } from './tensor-value.js'
import type { TensorProperties } from './tensor-value.js'

const textNames = new Set(['str', 'string', 'std::string', 'std::__1::string', 'std::__cxx11::string'])

/** Whether a tensor holds texts of any length: its `buffer_` is a string array then, not a blob. */
export function isTextTensor(meta: Metadata): boolean {
  return textNames.has(text(meta, 'value_type_'))
}

/**
 * vineyard::Tensor<T>: a numpy array. Numbers are read as a typed array over the blob, with `shape`, `dtype`
 * and `order`; texts as an array. `value_type_` says the type; the typename's argument does not count.
 * Pickled objects are opaque.
 */
export const tensorType: ObjectType = {
  typenames: ['vineyard::Tensor'],

  read(meta, context) {
    const name = text(meta, 'value_type_')
    if (name === 'object') {
      return new OpaqueObject(
        meta,
        'its elements were pickled by Python, and unpickling would run code',
        context
      )
    }
    if (isTextTensor(meta)) return withProperties(readTexts(meta, context), propertiesIn(meta, 'string'))
    const type = dtypeNamed(name)
    if (type !== undefined) {
      const values = withProperties(readValues(meta, context, type), propertiesIn(meta, type.name))
      return context.handle === undefined ? values : attachLease(values, context.handle)
    }
    const fixed = fixedWidthType(meta)
    if (fixed === undefined)
      return new OpaqueObject(meta, `there is no reader for elements of ${name}`, context)
    const shape = shapeOf(meta, 'shape_')
    const elements = readFixedWidth(meta, context, fixed, elementsOf(meta, shape))
    return withProperties(elements, propertiesIn(meta, fixed.code))
  },

  accepts: value => dtypeOfArray(value) !== undefined || isStringTensor(value),

  describe: value =>
    Array.isArray(value) ? describeTexts(value as (string | null)[]) : describeNumbers(value as TensorArray)
}

function propertiesIn(meta: Metadata, dtype: string): TensorProperties {
  const order = optional(meta, 'order_') !== undefined && jsonText(meta, 'order_') === 'F' ? 'F' : 'C'
  const partitionIndex = optional(meta, 'partition_index_') === undefined ? [] : partitionIn(meta)
  return { shape: shapeOf(meta, 'shape_'), dtype, order, partitionIndex }
}

function partitionIn(meta: Metadata): number[] {
  const index = jsonText(meta, 'partition_index_')
  return Array.isArray(index) && index.every(Number.isSafeInteger) ? (index as number[]) : []
}

/** The values of a tensor in row-major order; zero-copy except for the other byte order. */
export function readValues(meta: Metadata, context: ReadContext, type: Dtype): TensorArray {
  const length = elementsOf(meta, shapeOf(meta, 'shape_')) * type.perValue
  // A tensor without elements has the empty blob, or none.
  if (length === 0) return new type.array(0)
  const values = viewValues(meta, 'buffer_', context.blob(meta, 'buffer_'), type.array, 0, length)
  // numpy arrays of the other byte order are stored as they are, and only this field says so.
  const code = optional(meta, 'value_type_meta_')
  return typeof code === 'string' && code.startsWith('>') ? swapped(values) : values
}

function swapped(values: TensorArray): TensorArray {
  const copy = values.slice()
  const bytes = Buffer.from(copy.buffer, copy.byteOffset, copy.byteLength)
  if (copy.BYTES_PER_ELEMENT === 2) bytes.swap16()
  if (copy.BYTES_PER_ELEMENT === 4) bytes.swap32()
  if (copy.BYTES_PER_ELEMENT === 8) bytes.swap64()
  return copy
}

/** The string array of a tensor of texts. */
export function textColumn(meta: Metadata, context: ReadContext): Data<LargeUtf8> {
  return readTextArray(context.member(meta, 'buffer_'), context)
}

function readTexts(meta: Metadata, context: ReadContext): (string | null)[] {
  const column = textColumn(meta, context)
  const expected = elementsOf(meta, shapeOf(meta, 'shape_'))
  if (column.length !== expected) throw metadataError(meta, '"shape_" does not fit the number of texts')
  const bytes = column.values
  const source = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const offsets = column.valueOffsets as ArrayLike<bigint | number>
  return Array.from({ length: column.length }, (_, i) =>
    column.getValid(i) ? source.toString('utf8', Number(offsets[i]), Number(offsets[i + 1])) : null
  )
}

/**
 * Arrays made by `tensor()` or read from a tensor of texts, as opposed to arrays of any values (Sequence).
 */
function isStringTensor(value: unknown): boolean {
  if (!Array.isArray(value)) return false
  const { dtype } = propertiesOf(value)
  return dtype === 'string' || widthOfTexts(dtype) !== undefined
}

function describeNumbers(values: TensorArray): Draft {
  const properties = propertiesOf(values)
  const natural = dtypeOfArray(values) as Dtype
  const named = properties.dtype === undefined ? undefined : dtypeNamed(properties.dtype)
  const fits = named !== undefined && named.array.BYTES_PER_ELEMENT === natural.array.BYTES_PER_ELEMENT
  const type = fits ? named : natural
  requireFit(properties, values.length / type.perValue)
  return describeTensor(type, BlobDraft.copyOf(values), {
    ...properties,
    shape: properties.shape ?? [values.length]
  })
}

/** The draft of a tensor whose values, in row-major order, are `buffer`. */
export function describeTensor(
  type: Dtype,
  buffer: BlobDraft,
  { shape = [], order = 'C', partitionIndex = [] }: Partial<TensorProperties>
): ObjectDraft {
  return tensorDraft(`vineyard::Tensor<${type.cpp}>`, type.name, type.code, buffer.size, buffer, {
    shape,
    order,
    partitionIndex
  })
}

/** The draft of a one-dimensional tensor of texts: `array` is a string array. */
export function describeTextTensor(
  array: Draft,
  length: number,
  partitionIndex: readonly number[] = []
): ObjectDraft {
  return tensorDraft('vineyard::Tensor<std::string>', 'string', 'str', 8 * length, array, {
    shape: [length],
    order: 'C',
    partitionIndex
  })
}

function tensorDraft(
  typename: string,
  valueType: string,
  code: string,
  nbytes: number,
  buffer: Draft,
  { shape, order, partitionIndex }: Omit<TensorProperties, 'dtype'>
): ObjectDraft {
  return new ObjectDraft(
    typename,
    {
      value_type_: valueType,
      value_type_meta_: code,
      // As Python prints lists.
      shape_: `[${shape.join(', ')}]`,
      partition_index_: `[${partitionIndex.join(', ')}]`,
      order_: JSON.stringify(order),
      nbytes
    },
    { buffer_: buffer }
  )
}

/**
 * Texts in one dimension are a string array. Python reads such an array as one-dimensional whatever its
 * shape, so in more dimensions texts have a fixed width (numpy's `<U…`), which has no null.
 */
function describeTexts(texts: readonly (string | null)[]): Draft {
  const { shape = [texts.length], partitionIndex = [], dtype } = propertiesOf(texts)
  requireFit({ shape }, texts.length)
  if (shape.length === 1)
    return describeTextTensor(describeString(utf8Column(texts)), texts.length, partitionIndex)
  const { bits, code, buffer } = encodeUcs4(texts, widthOfTexts(dtype))
  return tensorDraft(`vineyard::Tensor<str${bits}>`, `str${bits}`, code, buffer.size, buffer, {
    shape,
    order: 'C',
    partitionIndex
  })
}
