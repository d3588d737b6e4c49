import { expect } from 'chai'
import { OpaqueObject } from '#dist/objects/opaque.js'
import { read } from '#dist/objects/registry.js'
import { blobsOf, fixtures } from './support/fixtures.js'
import type { Fixture } from './support/fixtures.js'
import { logical } from './support/logical.js'
import { contextOf } from './support/memory-store.js'

const pickled = /pickled by Python/
const firstElement = /stored the first element of the column only/
const stream = /stream|no reader for vineyard::(\w+Stream|StreamCollection)$/

/** Objects that have no value here, and why. */
const opaque: Record<string, RegExp> = {
  arrow_binary: pickled,
  arrow_chunked: pickled,
  arrow_dictionary: pickled,
  arrow_fixed_list: pickled,
  arrow_interval: pickled,
  arrow_large_list_int64: pickled,
  arrow_map: pickled,
  arrow_ree: pickled,
  arrow_scalar: pickled,
  arrow_string_view: pickled,
  arrow_union: pickled,
  bytearray: pickled,
  dict: pickled,
  pickle_object: pickled,
  scalar_numpy: pickled,
  set: pickled,
  rb_binary: pickled,
  rb_dict: pickled,
  rb_fixed_list: pickled,
  rb_large_list: pickled,
  df_datetime64ns: pickled,
  df_datetime_default: pickled,
  df_datetime_tz: pickled,
  df_nullable_bool: pickled,
  df_nullable_int: pickled,
  df_object_mixed: pickled,
  df_timedelta: pickled,
  tensor_objmixed: pickled,
  df_arrow_string: firstElement,
  df_category: firstElement,
  df_pandas3_str: firstElement,
  scalar_float_inf: /lost a NaN or an infinity/,
  scalar_float_nan: /lost a NaN or an infinity/,
  scalar_int_2p63: /lost an integer beyond 64 bits/,
  tensor_structured: /no reader for elements of void96/,
  byte_stream_noparams: stream,
  byte_stream_params: stream,
  dataframe_stream_noparams: stream,
  dataframe_stream_params: stream,
  recordbatch_stream_noparams: stream,
  recordbatch_stream_params: stream,
  parallel_stream: stream,
  parallel_stream_transient: stream,
  stream_collection: stream,
  handmade_stream_collection: stream
}

/** Values that differ from what was put, as they do for Python, and what they are. */
const different: Record<string, unknown> = {
  // Metadata floats go through float32 in the Python binding.
  scalar_float_third: Math.fround(1 / 3),
  arrow_buffer: { base64: Buffer.from('hello').toString('base64') },
  // One chunk of a stream: the bytes of Arrow IPC, which the stream decodes.
  dataframe_stream_chunk: undefined
}

function read1({ meta, ...rest }: Fixture): unknown {
  const blobs = blobsOf({ meta, ...rest })
  return read(meta, contextOf({ meta, blobs }))
}

/** What was put, with the types that Python read: the writer widens texts, bytes and lists. */
function expected(fixture: Fixture): unknown {
  const value = structuredClone(fixture.value) as Record<string, unknown>
  if (typeof value !== 'object' || value === null) return value
  const wide = (text: unknown): string =>
    String(text)
      .replace(/^(string|binary|list)/, 'large_$1')
      .replace('<item: list', '<item: large_list')
  if (value['kind'] === 'array') value['type'] = wide(value['type'])
  if (value['kind'] === 'recordbatch' || value['kind'] === 'table') {
    value['schema'] = (value['schema'] as [string, string][]).map(([name, type]) => [name, wide(type)])
  }
  if (value['kind'] === 'schema') {
    value['fields'] = (value['fields'] as [string, string, boolean][]).map(([name, type, nullable]) => [
      name,
      wide(type),
      nullable
    ])
  }
  return forget(value)
}

/** numpy's and pandas' type names, which values of this package do not have in that form. */
function forget(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(forget)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).filter(([key]) => !['dtype', 'dtypes', 'index_dtype'].includes(key))
  return Object.fromEntries(entries.map(([key, child]) => [key, forget(child)]))
}

describe('fixtures of vineyard 0.24.2', () => {
  it('are all there', () => {
    expect(fixtures).to.have.length(159)
    for (const name of Object.keys({ ...opaque, ...different })) {
      expect(
        fixtures.some(fixture => fixture.name === name),
        name
      ).to.equal(true)
    }
  })

  for (const fixture of fixtures) {
    const { name, value } = fixture
    if (name in opaque) {
      it(`${name} is opaque`, () => {
        const object = read1(fixture)
        expect(object).to.be.instanceOf(OpaqueObject)
        expect((object as OpaqueObject).reason).to.match(opaque[name] as RegExp)
        expect((object as OpaqueObject).meta).to.equal(fixture.meta)
        for (const { key, id } of (object as OpaqueObject).blobs) {
          expect((object as OpaqueObject).blob(key).toString('base64'), key).to.equal(fixture.blobs[id])
          expect((object as OpaqueObject).blob(id).equals((object as OpaqueObject).blob(key)), id).to.equal(
            true
          )
        }
      })
    } else if (name in different) {
      it(`${name} is read as it is stored`, () => {
        const expectation = different[name]
        if (expectation !== undefined) expect(logical(read1(fixture))).to.deep.equal(expectation)
        else expect(read1(fixture)).to.be.instanceOf(Buffer)
      })
    } else {
      it(`${name} is read as ${JSON.stringify(value)?.slice(0, 60)}`, () => {
        const actual = logical(read1(fixture)) as Record<string, unknown>
        const expectation = expected(fixture) as Record<string, unknown>
        // A frame without an index counts its rows from 0; pickled labels stay opaque.
        if (actual !== null && typeof actual === 'object' && 'index' in actual) {
          if (actual['index'] === undefined) (delete expectation['index'], delete actual['index'])
          else if (actual['index'] instanceof OpaqueObject) {
            expect(actual['index'].reason).to.match(pickled)
            delete expectation['index']
            delete actual['index']
          }
        }
        expect(actual).to.deep.equal(expectation)
      })
    }
  }
})
