/** The types of numpy that have a typed array in JavaScript, and the names they go by in metadata. */

export type TensorArray =
  | Int8Array<ArrayBufferLike>
  | Int16Array<ArrayBufferLike>
  | Int32Array<ArrayBufferLike>
  | BigInt64Array<ArrayBufferLike>
  | Uint8Array<ArrayBufferLike>
  | Uint16Array<ArrayBufferLike>
  | Uint32Array<ArrayBufferLike>
  | BigUint64Array<ArrayBufferLike>
  | Float32Array<ArrayBufferLike>
  | Float64Array<ArrayBufferLike>

interface TensorArrayConstructor {
  readonly BYTES_PER_ELEMENT: number
  readonly name: string
  new (length: number): TensorArray
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): TensorArray
}

export interface Dtype {
  /** numpy's text: `str(array.dtype)`, e.g. 'int64', 'datetime64[ns]'. Also `value_type_`. */
  name: string
  /** What holds the values. Complex numbers are pairs of real and imaginary part. */
  array: TensorArrayConstructor
  /** Array elements for a value: 2 for complex numbers. */
  perValue: 1 | 2
  /** Template argument of the typename: C++'s name of the type, where it has one. */
  cpp: string
  /** `value_type_meta_`: numpy's text with byte order and size, e.g. '<i8'. */
  code: string
}

function dtype(
  name: string,
  array: TensorArrayConstructor,
  code: string,
  cpp = name,
  perValue: Dtype['perValue'] = 1
): Dtype {
  return { name, array, perValue, cpp, code }
}

const plain: readonly Dtype[] = [
  dtype('int8', Int8Array, '|i1'),
  dtype('int16', Int16Array, '<i2'),
  dtype('int32', Int32Array, '<i4', 'int'),
  dtype('int64', BigInt64Array, '<i8'),
  dtype('uint8', Uint8Array, '|u1'),
  dtype('uint16', Uint16Array, '<u2'),
  // Python writes Tensor<uint32> and reads any; C++ knows uint.
  dtype('uint32', Uint32Array, '<u4', 'uint'),
  dtype('uint64', BigUint64Array, '<u8'),
  dtype('float16', Uint16Array, '<f2'),
  dtype('float32', Float32Array, '<f4', 'float'),
  dtype('float64', Float64Array, '<f8', 'double'),
  dtype('bool', Uint8Array, '|b1'),
  dtype('complex64', Float32Array, '<c8', 'complex64', 2),
  dtype('complex128', Float64Array, '<c16', 'complex128', 2)
]

const byName = new Map(plain.map(entry => [entry.name, entry]))

const aliases = new Map([
  ['i32', 'int32'],
  ['int', 'int32'],
  ['int32_t', 'int32'],
  ['u32', 'uint32'],
  ['uint', 'uint32'],
  ['uint_t', 'uint32'],
  ['uint32_t', 'uint32'],
  ['i64', 'int64'],
  ['long long', 'int64'],
  ['int64_t', 'int64'],
  ['u64', 'uint64'],
  ['uint64_t', 'uint64'],
  ['int8_t', 'int8'],
  ['int16_t', 'int16'],
  ['uint8_t', 'uint8'],
  ['uint16_t', 'uint16'],
  // What C++ writes for four bytes. (Python's reader takes it for float64 and reads past the values.)
  ['float', 'float32'],
  ['double', 'float64']
])

/** The type of a name in metadata, or undefined for what is no typed array (texts, objects, structures). */
export function dtypeNamed(name: string): Dtype | undefined {
  const timed = /^(datetime|timedelta)64(?:\[(?:\d+)?(?:Y|M|W|D|h|m|s|ms|us|ns|ps|fs|as)\])?$/.exec(name)
  if (timed !== null) {
    const code = name.replace('datetime64', '<M8').replace('timedelta64', '<m8')
    return dtype(name, BigInt64Array, code)
  }
  return byName.get(aliases.get(name) ?? name)
}

const byArray = new Map<string, string>([
  ['Int8Array', 'int8'],
  ['Int16Array', 'int16'],
  ['Int32Array', 'int32'],
  ['BigInt64Array', 'int64'],
  ['Uint8Array', 'uint8'],
  ['Uint8ClampedArray', 'uint8'],
  ['Uint16Array', 'uint16'],
  ['Uint32Array', 'uint32'],
  ['BigUint64Array', 'uint64'],
  ['Float16Array', 'float16'],
  ['Float32Array', 'float32'],
  ['Float64Array', 'float64']
])

const typedArrayTag = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Int8Array.prototype),
  Symbol.toStringTag
)

/** The type of a typed array's elements; undefined for other values. Subclasses count as what they extend. */
export function dtypeOfArray(value: unknown): Dtype | undefined {
  const tag = typedArrayTag?.get?.call(value) as string | undefined
  const name = tag === undefined ? undefined : byArray.get(tag)
  return name === undefined ? undefined : byName.get(name)
}
