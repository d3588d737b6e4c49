import { Timestamp } from 'apache-arrow'
import type { Data, Timestamp as TimestampType } from 'apache-arrow'
import { call, callable, methodCaller, PickleEnvelope, text } from '../basic/pickle-envelope.js'
import { pickledBytes } from '../basic/pickled-bytes.js'
import { optional } from '../fields.js'
import { BlobDraft, ObjectDraft } from '../model.js'
import type { Metadata, ReadContext } from '../model.js'
import { timeColumn } from '../tensor/tensor-column.js'

/**
 * Times as pandas' own array (DatetimeArray), which is what a column of times has to be in a data frame: a
 * tensor of times is read, but cannot be printed (pandas 3.1). It is a pickle that says
 * `pandas.array(numpy.frombuffer(<bytes>, 'M8[us]'))`, with a time zone followed by
 * `.tz_localize('UTC').tz_convert(…)`. `value_type_` and `timezone_`, which Python does not look at, say
 * which of these pickles it is.
 */
function envelope(dtype: string, timezone: string): PickleEnvelope {
  const code = dtype.replace('datetime64', 'M8')
  const zoned = timezone !== ''
  const convert = [methodCaller('tz_convert', text(timezone)), methodCaller('tz_localize', text('UTC'))]
  return new PickleEnvelope(
    [...(zoned ? convert : []), callable('pandas', 'array'), callable('numpy', 'frombuffer')],
    // TUPLE2 REDUCE, with the type as second argument; then a call for each callable.
    [text(code), Buffer.of(0x86, 0x52), call, ...(zoned ? [call, call] : [])]
  )
}

const dtypes = /^datetime64\[(s|ms|us|ns)\]$/

/**
 * The draft of such an array; `values` are the 64-bit integers of numpy's `dtype`, in UTC where there is a
 * time zone.
 */
export function describePickledTimes(values: BlobDraft, dtype: string, timezone: string | null): ObjectDraft {
  const zone = timezone ?? ''
  const pickle = envelope(dtype, zone)
  const size = pickle.sizeFor(values.size)
  return new ObjectDraft(
    'vineyard::PickleBuffer',
    { size_: size, nbytes: size, value_type_: dtype, timezone_: zone },
    { buffer_: new BlobDraft(size, target => pickle.write(target, values.size, values.fill)) }
  )
}

/** The column in a pickle of this form; undefined for any other pickle. */
export function readPickledTimes(meta: Metadata, context: ReadContext): Data | undefined {
  const dtype = optional(meta, 'value_type_')
  const zone = optional(meta, 'timezone_')
  if (typeof dtype !== 'string' || !dtypes.test(dtype) || typeof zone !== 'string' || zone.length > 100)
    return undefined
  const bytes = envelope(dtype, zone).within(pickledBytes(meta, context))
  if (bytes === undefined || bytes.byteLength % 8 !== 0) return undefined
  const aligned = bytes.byteOffset % 8 === 0 ? bytes : bytes.slice()
  const values = new BigInt64Array(aligned.buffer, aligned.byteOffset, aligned.byteLength / 8)
  const column = timeColumn(meta, values, dtype, context.handle)
  if (zone === '') return column
  return column.clone(new Timestamp((column.type as TimestampType).unit, zone))
}
