import { expect } from 'chai'
import fc from 'fast-check'
import { VineyardError } from '#dist/errors.js'
import type { Metadata } from '#dist/objects/model.js'
import { blobIdsOf, read } from '#dist/objects/registry.js'
import type { JsonValue } from '#dist/protocol/json.js'
import { blobsOf, fixture, fixtures } from './support/fixtures.js'
import { contextOf } from './support/memory-store.js'

/** Reads all of a value: an error may come late, a hang or a crash never. */
function exhaust(value: unknown): void {
  const text = JSON.stringify(value, (_, child: unknown) =>
    typeof child === 'bigint' ? String(child) : child
  )
  expect(text === undefined || text.length < 1e7).to.equal(true)
}

function readHostile(meta: Metadata, blobs: ReturnType<typeof blobsOf>): unknown {
  const context = contextOf({ meta, blobs })
  return read(meta, {
    ...context,
    blob(owner, key) {
      try {
        return context.blob(owner, key)
      } catch (error) {
        throw new VineyardError('ERR_VINEYARD_METADATA', (error as Error).message)
      }
    },
    member(owner, key) {
      try {
        return context.member(owner, key)
      } catch (error) {
        throw new VineyardError('ERR_VINEYARD_METADATA', (error as Error).message)
      }
    }
  })
}

/** Metadata errors are the only ones that metadata may cause. */
function expectOrderly(meta: Metadata, blobs: ReturnType<typeof blobsOf>): void {
  try {
    exhaust(readHostile(meta, blobs))
  } catch (error) {
    if (error instanceof VineyardError && error.code === 'ERR_VINEYARD_METADATA') return
    // apache-arrow has no number for a date or time this far away.
    if (error instanceof TypeError && /is not safe to convert to a number/.test(error.message)) return
    throw error
  }
}

function expectRefused(name: string, change: (meta: Record<string, JsonValue>) => void): void {
  const { meta, ...rest } = fixture(name)
  change(meta)
  expect(() => exhaust(readHostile(meta, blobsOf({ meta, ...rest }))), name)
    .to.throw(VineyardError)
    .with.property('code', 'ERR_VINEYARD_METADATA')
}

type Changes = Record<string, (meta: Record<string, JsonValue>) => void>

function set(key: string, value: JsonValue): (meta: Record<string, JsonValue>) => void {
  return meta => {
    meta[key] = value
  }
}

const counts: JsonValue[] = [
  -1,
  -(2 ** 53),
  2 ** 31,
  2 ** 53,
  2n ** 64n,
  1e300,
  1.5,
  '9'.repeat(40),
  'x',
  null,
  true,
  [],
  [3]
]

describe('hostile metadata', () => {
  const changes: Record<string, Changes> = {
    arrow_int64: Object.fromEntries(
      counts.flatMap(value => [
        [`length_ ${String(value)}`, set('length_', value)],
        [`offset_ ${String(value)}`, set('offset_', value)]
      ])
    ),
    arrow_int64_nulls: {
      'no bitmap': set('null_bitmap_', { id: 'o8000000000000000', typename: 'vineyard::Blob' }),
      'more nulls than rows': set('null_count_', 4),
      'a missing bitmap': set('null_bitmap_', 'o8000000000000001'),
      'an unknown type': set('typename', 'vineyard::NumericArray<constructor>'),
      'no type': set('typename', 'vineyard::NumericArray')
    },
    arrow_bool: { 'too many rows': set('length_', 9), 'an offset past the end': set('offset_', 60) },
    arrow_string: { 'too many rows': set('length_', 5), 'an offset past the end': set('offset_', 3) },
    arrow_list_int64: { 'too many rows': set('length_', 5), 'no values': set('values_', 'x') },
    arrow_null: { 'too many rows': set('length_', 2 ** 40), 'half a row': set('length_', 0.5) },
    handmade_fixed_size_binary: {
      'wide values': set('byte_width_', 1e9),
      'a negative width': set('byte_width_', -3)
    },
    tensor_int64: {
      'a shape that is too large': set('shape_', '[4000000000, 4000000000]'),
      'a shape that is larger than its blob': set('shape_', '[2, 4]'),
      'a negative shape': set('shape_', '[-2, -3]'),
      'a fractional shape': set('shape_', '[1.5]'),
      'a shape that is no text': set('shape_', [2, 3]),
      'a shape that is no JSON': set('shape_', '[2, 3'),
      'a shape that is an object': set('shape_', '{"length": 2}'),
      'a deep shape': set('shape_', `${'['.repeat(100_000)}${']'.repeat(100_000)}`),
      'no type': set('value_type_', 5),
      'no buffer': set('buffer_', null)
    },
    tensor_str: {
      'a shape that does not fit': set('shape_', '[3]'),
      'numbers for texts': set('buffer_', fixture('arrow_int64').meta)
    },
    rb_basic: {
      'columns that are not there': set('__columns_-size', 3),
      'a billion columns': set('__columns_-size', 1e9),
      'fewer columns than fields': set('__columns_-size', 1),
      'a false number of rows': set('row_num_', 7),
      'no schema': set('schema_', 'x'),
      'a column that is a batch': set('__columns_-0', 5)
    },
    rb_zero_cols: { 'too many rows': set('row_num_', 2 ** 50) },
    arrow_schema: {
      'no bytes': set('schema_binary_', '{"bytes": 5}'),
      'bytes that are none': set('schema_binary_', '{"bytes": [1, 256, -1]}'),
      'a short message': set('schema_binary_', '{"bytes": [255, 255, 255, 255, 8, 0, 0, 0]}'),
      'an empty message': set('schema_binary_', '{"bytes": []}'),
      null: set('schema_binary_', 'null')
    },
    table_basic: {
      'batches that are not there': set('batch_num_', 1e9),
      'a batch that is none': set('partitions_-0', fixture('scalar_int').meta)
    },
    list_mixed: {
      'elements that are not there': set('__elements_-size', 2 ** 31 - 1),
      'a negative size': set('__elements_-size', -1)
    },
    scalar_int: {
      'an object': set('value_', []),
      'a fraction': set('value_', 1.5),
      'no number': set('value_', 'five')
    },
    scalar_float: { 'no number': set('value_', '0x10'), 'an array': set('value_', [1]) },
    scalar_str: { 'a number': set('value_', 5) },
    scalar_none: { 'more bytes than there are': set('size_', 5), 'a negative size': set('size_', -1) },
    df_int64: {
      'no labels': set('columns_', '5'),
      'labels that are no JSON': set('columns_', '['),
      'a label that is an object': set('__values_-key-0', '{}'),
      'more columns than there are': set('columns_', '[1,2]'),
      'an index of another length': meta => {
        const index = (meta['index_'] as Metadata)['value_'] as Metadata
        index['shape_'] = '[2]'
      },
      'a column of another length': meta => {
        ;(meta['__values_-value-0'] as Metadata)['shape_'] = '[2]'
      }
    },
    df_sparse: {},
    global_tensor: { 'partitions that are not there': set('partitions_-size', 1e9) }
  }
  for (const [name, list] of Object.entries(changes)) {
    for (const [what, change] of Object.entries(list)) {
      it(`${name}: ${what} is refused`, () => {
        expectRefused(name, change)
      })
    }
  }

  it('takes no key from a prototype', () => {
    const { blobs } = fixture('arrow_int64')
    const meta = JSON.parse(
      '{"id":"o0000000000000001","typename":"vineyard::NumericArray<int64>","instance_id":0,"__proto__":{"length_":1,"null_count_":0,"offset_":0}}'
    ) as Metadata
    expectOrderly(meta, blobsOf({ name: '', meta, blobs, value: null }))
    const inherited = Object.setPrototypeOf({ ...meta }, fixture('arrow_int64').meta) as Metadata
    expect(() => readHostile(inherited, new Map()))
      .to.throw()
      .with.property('code', 'ERR_VINEYARD_METADATA')
  })

  it('refuses offsets that are not in order or leave the values', () => {
    const { meta, ...rest } = fixture('arrow_list_int64')
    const id = (meta['buffer_offsets_'] as Metadata).id
    for (const offsets of [
      [0n, 2n, 1n, 3n, 3n],
      [-1n, 2n, 2n, 3n, 3n],
      [0n, 2n, 2n, 3n, 2n ** 62n],
      [3n, 2n, 2n, 1n, 0n]
    ]) {
      const blobs = blobsOf({ meta, ...rest })
      blobs.set(id, new Uint8Array(BigInt64Array.from(offsets).buffer))
      expect(() => exhaust(readHostile(meta, blobs)))
        .to.throw()
        .with.property('code', 'ERR_VINEYARD_METADATA')
    }
  })

  it('refuses values that are nested too deeply', () => {
    let meta = fixture('scalar_int').meta
    for (let i = 0; i < 5000; i += 1) {
      meta = {
        id: 'o0000000000000001',
        typename: 'vineyard::Sequence',
        instance_id: 0,
        '__elements_-size': 1,
        '__elements_-0': meta
      } as unknown as Metadata
    }
    expect(() => readHostile(meta, new Map()))
      .to.throw(/nested more than/)
      .with.property('code', 'ERR_VINEYARD_METADATA')
    expect(blobIdsOf(meta)).to.deep.equal([])
  })

  it('stays orderly whatever is changed in the metadata', () => {
    const junk = fc.constantFrom<JsonValue>(
      ...counts,
      '',
      '[]',
      '{}',
      '"x"',
      'null',
      '[1e9]',
      '[[0]]',
      'o8000000000000001',
      0,
      1,
      3,
      64,
      {},
      '\u0000',
      'vineyard::Blob',
      'float64',
      'datetime64[ns]'
    )
    const plan = fc.record({
      fixture: fc.constantFrom(...fixtures),
      changes: fc.array(fc.record({ at: fc.nat(), key: fc.nat(), value: junk, drop: fc.boolean() }), {
        minLength: 1,
        maxLength: 3
      })
    })
    fc.assert(
      fc.property(plan, ({ fixture: chosen, changes: list }) => {
        const { meta, ...rest } = structuredClone(chosen)
        for (const { at, key, value, drop } of list) {
          const nodes = nodesOf(meta)
          const node = nodes[at % nodes.length] as Record<string, JsonValue>
          const keys = Object.keys(node).filter(name => name !== 'id')
          const name = keys[key % keys.length]
          if (name === undefined) continue
          if (drop) delete node[name]
          // A copy: the next change may be to this very value, and metadata that were text have no cycles.
          else node[name] = structuredClone(value)
        }
        expectOrderly(meta, blobsOf({ meta, ...rest }))
      }),
      { numRuns: 3000 }
    )
  })

  it('stays orderly whatever is changed in the blobs', () => {
    const withBlobs = fixtures.filter(({ blobs }) => Object.values(blobs).some(bytes => bytes !== ''))
    const plan = fc.record({
      fixture: fc.constantFrom(...withBlobs),
      changes: fc.array(fc.record({ blob: fc.nat(), at: fc.nat(), byte: fc.nat(255), cut: fc.boolean() }), {
        minLength: 1,
        maxLength: 4
      })
    })
    fc.assert(
      fc.property(plan, ({ fixture: chosen, changes: list }) => {
        const blobs = blobsOf(chosen)
        for (const { blob, at, byte, cut } of list) {
          const [id, bytes] = [...blobs][blob % blobs.size] as [never, Uint8Array]
          if (bytes.length === 0) continue
          if (cut) blobs.set(id, bytes.slice(0, at % bytes.length))
          else bytes[at % bytes.length] = byte
        }
        expectOrderly(chosen.meta, blobs)
      }),
      { numRuns: 3000 }
    )
  })

  it('stays orderly whatever is changed in a schema', () => {
    const { meta } = fixture('rb_from_pandas')
    const source = (
      JSON.parse((meta['schema_'] as Metadata)['schema_binary_'] as string) as { bytes: number[] }
    ).bytes
    const plan = fc.array(fc.tuple(fc.nat(source.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 })
    fc.assert(
      fc.property(plan, changes => {
        const bytes = [...source]
        for (const [at, byte] of changes) bytes[at] = byte
        const { meta: batch, ...rest } = fixture('rb_from_pandas')
        ;(batch['schema_'] as Metadata)['schema_binary_'] = JSON.stringify({ bytes })
        expectOrderly(batch, blobsOf({ meta: batch, ...rest }))
      }),
      { numRuns: 3000 }
    )
  })
})

function nodesOf(meta: Metadata): Record<string, JsonValue>[] {
  const children = Object.values(meta).filter(
    value => typeof value === 'object' && value !== null && !Array.isArray(value)
  )
  return [meta, ...children.flatMap(child => nodesOf(child as Metadata))]
}

describe('blobIdsOf', () => {
  it('finds every blob once, without the empty one', () => {
    const { meta, blobs } = fixture('rb_all_ints')
    const expected = Object.keys(blobs).filter(id => id !== 'o8000000000000000')
    expect(blobIdsOf(meta).sort()).to.deep.equal(expected.sort())
    expect(blobIdsOf(fixture('bytes_empty').meta)).to.deep.equal([])
    expect(blobIdsOf({ ...fixture('bytes').meta, id: 'O8000000000000ABC' as never })).to.deep.equal([
      'o8000000000000abc'
    ])
  })

  it('refuses what stands for the whole memory, and what is no id', () => {
    for (const id of ['offffffffffffffff', 'o12', 5, null, 'o0000000000000001']) {
      expect(() => blobIdsOf({ ...fixture('bytes').meta, id } as never))
        .to.throw()
        .with.property('code', 'ERR_VINEYARD_METADATA')
    }
  })
})
