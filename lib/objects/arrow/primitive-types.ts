import {
  DateDay,
  DateMillisecond,
  DurationMicrosecond,
  DurationMillisecond,
  DurationNanosecond,
  DurationSecond,
  Float16,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  Int8,
  Timestamp,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  TimeUnit,
  Type,
  Uint16,
  Uint32,
  Uint64,
  Uint8
} from 'apache-arrow'
import type { DataType } from 'apache-arrow'
import { anyType } from './any-type.js'

const units = {
  s: TimeUnit.SECOND,
  ms: TimeUnit.MILLISECOND,
  us: TimeUnit.MICROSECOND,
  ns: TimeUnit.NANOSECOND
}
const unitNames = ['s', 'ms', 'us', 'ns'] as const

/**
 * The Arrow type of a template argument, by each of the names that C++, Python, numpy and Arrow have for it.
 */
const byName: Readonly<Record<string, () => DataType>> = {
  int8: () => new Int8(),
  int8_t: () => new Int8(),
  int16: () => new Int16(),
  int16_t: () => new Int16(),
  short: () => new Int16(),
  int: () => new Int32(),
  i32: () => new Int32(),
  int32: () => new Int32(),
  int32_t: () => new Int32(),
  i64: () => new Int64(),
  int64: () => new Int64(),
  int64_t: () => new Int64(),
  long: () => new Int64(),
  'long long': () => new Int64(),
  uint8: () => new Uint8(),
  uint8_t: () => new Uint8(),
  uint16: () => new Uint16(),
  uint16_t: () => new Uint16(),
  u32: () => new Uint32(),
  uint: () => new Uint32(),
  uint_t: () => new Uint32(),
  uint32: () => new Uint32(),
  uint32_t: () => new Uint32(),
  u64: () => new Uint64(),
  uint64: () => new Uint64(),
  uint64_t: () => new Uint64(),
  half: () => new Float16(),
  halffloat: () => new Float16(),
  float16: () => new Float16(),
  // Four bytes, although Python's reader takes this name for float64.
  float: () => new Float32(),
  float32: () => new Float32(),
  double: () => new Float64(),
  float64: () => new Float64(),
  'date32[day]': () => new DateDay(),
  'datetime64[D]': () => new DateDay(),
  'date64[ms]': () => new DateMillisecond(),
  'time32[s]': () => new TimeSecond(),
  'time32[ms]': () => new TimeMillisecond(),
  'time64[us]': () => new TimeMicrosecond(),
  'time64[ns]': () => new TimeNanosecond()
}

const durations = {
  s: () => new DurationSecond(),
  ms: () => new DurationMillisecond(),
  us: () => new DurationMicrosecond(),
  ns: () => new DurationNanosecond()
}

/** The Arrow type of fixed width that a template argument names, e.g. `double` or `timestamp[us, tz=UTC]`. */
export function primitiveNamed(name: string): DataType | undefined {
  if (Object.hasOwn(byName, name)) return byName[name]?.()
  const timed = /^(datetime64|timestamp|timedelta64|duration)\[(s|ms|us|ns)(?:, tz=([^\]]*))?\]$/.exec(name)
  if (timed === null) return undefined
  const unit = timed[2] as keyof typeof units
  if (timed[1] === 'datetime64' || timed[1] === 'timestamp')
    return new Timestamp(units[unit], timed[3] ?? null)
  return durations[unit]()
}

/** How the values of a type are kept. */
export interface Storage {
  /** Template argument that Python, and where it can C++, reads: the plain values. */
  name: string
  /** Bytes of a value. */
  width: 1 | 2 | 4 | 8
  /**
   * Template argument that says the type by itself, for an array outside a batch; undefined where there is
   * none that Python reads, or the plain values are all there is to say.
   */
  own: string | undefined
}

/**
 * How an Arrow type of fixed width is stored, or undefined for others. Names chosen so that Python reads all
 * and C++ as many as can be: `int` and `uint` are known to both; `float32` only to Python (its reader takes
 * `float`, which is what C++ knows, for float64, and fails).
 */
export function storageOf(dataType: DataType): Storage | undefined {
  const type = anyType(dataType)
  switch (type.typeId) {
    case Type.Int: {
      const { isSigned, bitWidth } = type
      const name = bitWidth === 32 ? 'int' : `int${bitWidth}`
      const signed = isSigned ? name : `u${name}`
      return { name: signed, width: (bitWidth / 8) as Storage['width'], own: signed }
    }
    case Type.Float: {
      const width = ([2, 4, 8] as const)[type.precision] ?? 8
      const name = width === 8 ? 'double' : `float${width * 8}`
      return { name, width, own: name }
    }
    case Type.Date:
      return type.unit === 0
        ? { name: 'int', width: 4, own: 'datetime64[D]' }
        : { name: 'int64', width: 8, own: undefined }
    case Type.Time:
      return type.bitWidth === 32
        ? { name: 'int', width: 4, own: undefined }
        : { name: 'int64', width: 8, own: undefined }
    case Type.Timestamp: {
      const { unit, timezone } = type
      const own = (timezone ?? '') === '' ? `datetime64[${unitNames[unit]}]` : undefined
      return { name: 'int64', width: 8, own }
    }
    case Type.Duration:
      return { name: 'int64', width: 8, own: `timedelta64[${unitNames[type.unit]}]` }
    default:
      break
  }
  return undefined
}

/**
 * What the values of a type are, as a typed array sees them: types of one layout can be exchanged without
 * copying.
 */
export function primitiveKind(type: DataType): { layout: string } | undefined {
  const storage = storageOf(type)
  if (storage === undefined) return undefined
  if (type.typeId === Type.Float) return { layout: `float${storage.width}` }
  const signed = type.typeId !== Type.Int || anyType(type).isSigned
  return { layout: `${signed ? 'int' : 'uint'}${storage.width}` }
}
