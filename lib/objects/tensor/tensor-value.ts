import { VineyardError } from '../../errors.js'
import { checkOptions, isAnything, isString } from '../../options.js'
import { dtypeNamed, dtypeOfArray } from './dtype.js'
import type { Dtype, TensorArray } from './dtype.js'

/** What a tensor's values have besides the values: own properties of the array. */
export interface TensorProperties {
  /** Extent of every dimension, slowest first; `[]` for a single value. */
  readonly shape: readonly number[]
  /**
   * numpy's text for the type, e.g. 'int64', 'bool', 'complex64', 'datetime64[ns]', '<U3'; 'string' for
   * texts.
   */
  readonly dtype: string
  /**
   * How the array was laid out where it was made; the values here are in row-major ('C') order in either
   * case.
   */
  readonly order: 'C' | 'F'
  /** Place among the partitions of a global tensor; `[]` for none. */
  readonly partitionIndex: readonly number[]
}

/**
 * Numbers of a tensor: a typed array over the values in row-major order, with the properties of the tensor.
 */
export type NumericTensor = TensorArray & TensorProperties
/** Texts of a tensor. */
export type StringTensor = (string | null)[] & TensorProperties

/** Adds the properties of a tensor to its values. */
export function withProperties<T extends object>(
  values: T,
  properties: TensorProperties
): T & TensorProperties {
  for (const [name, value] of Object.entries(properties)) {
    Object.defineProperty(values, name, { value, configurable: true, writable: true })
  }
  return values as T & TensorProperties
}

/** The properties of a value that is a tensor, as one that was read or made by `tensor()`. */
export function propertiesOf(value: object): Partial<TensorProperties> {
  const own = (name: string): unknown =>
    Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
  const shape = own('shape')
  if (!isShape(shape)) return {}
  const dtype = own('dtype')
  const partitionIndex = own('partitionIndex')
  return {
    shape,
    ...(typeof dtype === 'string' ? { dtype } : {}),
    ...(own('order') === 'F' ? { order: 'F' } : {}),
    ...(isShape(partitionIndex) ? { partitionIndex } : {})
  }
}

function isShape(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) && value.every(extent => Number.isSafeInteger(extent) && (extent as number) >= 0)
  )
}

/** Options of `tensor`. */
export interface TensorOptions {
  /** Extent of every dimension, slowest first. Default: one dimension. */
  shape?: readonly number[] | undefined
  /**
   * numpy's text for the type. Default: that of the typed array; 'float64' for numbers, 'int64' for bigint.
   */
  dtype?: string | undefined
  /** Place among the partitions of a global tensor. */
  partitionIndex?: readonly number[] | undefined
}

/**
 * A tensor to put: `data` in row-major order. A typed array is viewed, not copied. Throws TypeError for
 * arguments of a wrong type, RangeError for a shape that does not fit the values.
 */
export function tensor(
  data: NodeJS.TypedArray | readonly (number | bigint | boolean | string | null)[],
  options: TensorOptions = {}
): NumericTensor | StringTensor {
  checkOptions(options, { shape: isAnything, dtype: isString, partitionIndex: isAnything })
  const { shape, dtype, partitionIndex = [] } = options
  for (const [name, value] of Object.entries({ shape, partitionIndex })) {
    if (value !== undefined && !isShape(value)) {
      throw invalid(TypeError, 'ERR_INVALID_ARG_TYPE', `"${name}" must be an array of integers from 0`)
    }
  }
  if (Array.isArray(data) && (dtype === 'string' || (dtype === undefined && typeof data[0] === 'string'))) {
    if (!data.every(text => typeof text === 'string' || text === null)) {
      throw invalid(TypeError, 'ERR_INVALID_ARG_TYPE', 'a tensor of texts must have texts and null only')
    }
    checkShape(shape, data.length)
    const properties = { shape: shape ?? [data.length], dtype: 'string', order: 'C', partitionIndex } as const
    return withProperties([...(data as (string | null)[])], properties)
  }
  const type = typeOf(data, dtype)
  const values = valuesOf(data, type)
  checkShape(shape, values.length / type.perValue)
  return withProperties(values, {
    shape: shape ?? [values.length / type.perValue],
    dtype: type.name,
    order: 'C',
    partitionIndex
  })
}

function typeOf(data: NodeJS.TypedArray | readonly unknown[], name: string | undefined): Dtype {
  const natural = dtypeOfArray(data)
  if (name === undefined) {
    if (natural !== undefined) return natural
    const [first] = data
    const guess = typeof first === 'bigint' ? 'int64' : typeof first === 'boolean' ? 'bool' : 'float64'
    return dtypeNamed(guess) as Dtype
  }
  const named = dtypeNamed(name)
  if (named === undefined)
    throw invalid(TypeError, 'ERR_INVALID_ARG_VALUE', `"${name}" is not a type of tensors`)
  if (natural !== undefined && natural.array.BYTES_PER_ELEMENT !== named.array.BYTES_PER_ELEMENT) {
    throw invalid(TypeError, 'ERR_INVALID_ARG_VALUE', `an array of ${natural.name} is not one of ${name}`)
  }
  return named
}

function valuesOf(data: NodeJS.TypedArray | readonly unknown[], type: Dtype): TensorArray {
  if (ArrayBuffer.isView(data)) {
    return new type.array(data.buffer, data.byteOffset, data.byteLength / type.array.BYTES_PER_ELEMENT)
  }
  const values = new type.array(data.length)
  const wide = values instanceof BigInt64Array || values instanceof BigUint64Array
  data.forEach((value, i) => {
    const number = typeof value === 'boolean' ? Number(value) : value
    if (typeof number !== 'number' && typeof number !== 'bigint') {
      throw invalid(TypeError, 'ERR_INVALID_ARG_TYPE', `element ${i} is not a number`)
    }
    ;(values as { [index: number]: unknown })[i] = wide ? BigInt(number) : Number(number)
  })
  return values
}

function checkShape(shape: readonly number[] | undefined, values: number): void {
  if (shape === undefined || shape.reduce((product, extent) => product * extent, 1) === values) return
  throw invalid(
    RangeError,
    'ERR_OUT_OF_RANGE',
    `the shape [${shape.join(', ')}] does not fit ${values} values`
  )
}

function invalid(type: typeof TypeError | typeof RangeError, code: string, message: string): Error {
  return Object.assign(new type(message), { code })
}

/** Refuses a value whose properties were changed so that they do not fit. */
export function requireFit(properties: Partial<TensorProperties>, values: number): void {
  const { shape } = properties
  if (shape === undefined || shape.reduce((product, extent) => product * extent, 1) === values) return
  throw new VineyardError(
    'ERR_VINEYARD_TYPE',
    `the shape [${shape.join(', ')}] does not fit ${values} values`
  )
}
