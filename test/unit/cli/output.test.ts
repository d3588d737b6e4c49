import { once } from 'node:events'
import { Writable } from 'node:stream'
import { expect } from 'chai'
import type { RecordBatch } from 'apache-arrow'
import {
  Binary,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMillisecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  Int64,
  IntervalDayTime,
  IntervalMonthDayNano,
  IntervalYearMonth,
  LargeUtf8,
  List,
  makeData,
  Map_,
  Null,
  Struct,
  tableFromIPC,
  TimeMicrosecond,
  TimeSecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Uint64,
  Utf8,
  Vector,
  vectorFromArray,
  type Data
} from 'apache-arrow'
import { openOutput, type OutputFormat } from '#dist/cli/output.js'
import { batchOf } from '../../support/batches.js'
import { numberedBatch } from '../../support/numbered.js'

/** Gathers what is written. */
class Sink extends Writable {
  readonly chunks: Buffer[] = []
  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    this.chunks.push(Buffer.from(chunk))
    callback()
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks)
  }
}

async function written(format: OutputFormat, ...batches: RecordBatch[]): Promise<Buffer> {
  const sink = new Sink()
  const output = openOutput(format, sink)
  for (const batch of batches) await output.batch(batch)
  await output.end()
  return sink.bytes
}

const fixed = (type: unknown, values: ArrayBufferView, length: number): Data =>
  makeData({ type, length, nullCount: 0, data: values } as never)

/** For each type one row with a value and one without, as JSON has it and, where that is something else, as csv. */
const types: [name: string, data: Data, json: string, csv?: string][] = [
  ['null', vectorFromArray([null, null], new Null()).data[0] as Data, 'null', ''],
  ['bool', vectorFromArray([true, null]).data[0] as Data, 'true'],
  ['int64', vectorFromArray([9007199254740993n, null], new Int64()).data[0] as Data, '9007199254740993'],
  [
    'uint64',
    vectorFromArray([18446744073709551615n, null], new Uint64()).data[0] as Data,
    '18446744073709551615'
  ],
  ['float32', vectorFromArray([0.5, null], new Float32()).data[0] as Data, '0.5'],
  ['minus', vectorFromArray([-0, null], new Float64()).data[0] as Data, '-0'],
  ['nan', vectorFromArray([NaN, null], new Float64()).data[0] as Data, '"NaN"', 'NaN'],
  ['utf8', vectorFromArray(['a"b', null], new Utf8()).data[0] as Data, '"a\\"b"', '"a""b"'],
  ['largeutf8', vectorFromArray(['é', null], new LargeUtf8()).data[0] as Data, '"é"', 'é'],
  [
    'dictionary',
    vectorFromArray(['x', null], new Dictionary(new Utf8(), new Int32())).data[0] as Data,
    '"x"',
    'x'
  ],
  ['binary', vectorFromArray([Buffer.from('hi'), null], new Binary()).data[0] as Data, '"aGk="', 'aGk='],
  [
    'fixedbinary',
    vectorFromArray([Buffer.from('hi'), null], new FixedSizeBinary(2)).data[0] as Data,
    '"aGk="',
    'aGk='
  ],
  ['decimal', decimals([150n, null], 2), '"1.50"', '1.50'],
  ['negative', decimals([-5n, null], 2), '"-0.05"', '-0.05'],
  ['tens', decimals([15n, null], -2), '"1500"', '1500'],
  ['day', nullable(fixed(new DateDay(), Int32Array.of(-1, 0), 2)), '"1969-12-31"', '1969-12-31'],
  [
    'dayms',
    nullable(fixed(new DateMillisecond(), BigInt64Array.of(86_400_000n, 0n), 2)),
    '"1970-01-02"',
    '1970-01-02'
  ],
  [
    'dateandtime',
    nullable(fixed(new DateMillisecond(), BigInt64Array.of(1n, 0n), 2)),
    '"1970-01-01T00:00:00.001"',
    '1970-01-01T00:00:00.001'
  ],
  [
    'second',
    nullable(fixed(new TimestampSecond('UTC'), BigInt64Array.of(1_700_000_000n, 0n), 2)),
    '"2023-11-14T22:13:20Z"',
    '2023-11-14T22:13:20Z'
  ],
  [
    'milli',
    nullable(fixed(new TimestampMillisecond(), BigInt64Array.of(-1n, 0n), 2)),
    '"1969-12-31T23:59:59.999"',
    '1969-12-31T23:59:59.999'
  ],
  [
    'micro',
    nullable(fixed(new TimestampMicrosecond('Europe/Berlin'), BigInt64Array.of(1n, 0n), 2)),
    '"1970-01-01T00:00:00.000001Z"',
    '1970-01-01T00:00:00.000001Z'
  ],
  [
    'nano',
    nullable(fixed(new TimestampNanosecond(), BigInt64Array.of(1_700_000_000_123_456_789n, 0n), 2)),
    '"2023-11-14T22:13:20.123456789"',
    '2023-11-14T22:13:20.123456789'
  ],
  [
    'beyond',
    nullable(fixed(new TimestampSecond(), BigInt64Array.of(2n ** 60n, 0n), 2)),
    '"1152921504606846976"',
    '1152921504606846976'
  ],
  ['time', nullable(fixed(new TimeSecond(), Int32Array.of(3661, 0), 2)), '"01:01:01"', '01:01:01'],
  [
    'timemicro',
    nullable(fixed(new TimeMicrosecond(), BigInt64Array.of(1n, 0n), 2)),
    '"00:00:00.000001"',
    '00:00:00.000001'
  ],
  [
    'duration',
    nullable(fixed(new DurationMillisecond(), BigInt64Array.of(-1500n, 0n), 2)),
    '"PT-1.500S"',
    'PT-1.500S'
  ],
  ['months', nullable(fixed(new IntervalYearMonth(), Int32Array.of(14, 0), 2)), '"P14M"', 'P14M'],
  [
    'daytime',
    nullable(fixed(new IntervalDayTime(), Int32Array.of(2, 500, 0, 0), 2)),
    '"P2DT0.500S"',
    'P2DT0.500S'
  ],
  [
    'monthdaynano',
    nullable(fixed(new IntervalMonthDayNano(), Int32Array.of(1, 2, -1, -1, 0, 0, 0, 0), 2)),
    '"P1M2DT-0.000000001S"',
    'P1M2DT-0.000000001S'
  ],
  [
    'list',
    vectorFromArray([[1n, null], null], new List(new Field('item', new Int64(), true))).data[0] as Data,
    '[1,null]',
    '"[1,null]"'
  ],
  [
    'fixedlist',
    vectorFromArray([[1, 2], null], new FixedSizeList(2, new Field('item', new Float64(), true)))
      .data[0] as Data,
    '[1,2]',
    '"[1,2]"'
  ],
  [
    'struct',
    vectorFromArray(
      [{ a: 1, b: ['x'] }, null],
      new Struct([
        new Field('a', new Float64(), true),
        new Field('b', new List(new Field('item', new Utf8(), true)), true)
      ])
    ).data[0] as Data,
    '{"a":1,"b":["x"]}',
    '"{""a"":1,""b"":[""x""]}"'
  ],
  [
    'map',
    vectorFromArray(
      [new Map([['k', 1]]), null] as never,
      new Map_(
        new Field(
          'entries',
          new Struct([new Field('key', new Utf8(), false), new Field('value', new Float64(), true)]),
          false
        ) as never
      )
    ).data[0] as Data,
    '{"k":1}',
    '"{""k"":1}"'
  ]
]

/** The second row of two without a value. */
function nullable(data: Data): Data {
  return data.clone(data.type, 0, 2, 1, [
    data.valueOffsets,
    data.values,
    Uint8Array.of(1),
    data.typeIds
  ] as never)
}

function decimals(values: (bigint | null)[], scale: number): Data {
  const words = values.flatMap(value =>
    [0n, 32n, 64n, 96n].map(shift => Number(((value ?? 0n) >> shift) & 0xffff_ffffn))
  )
  return nullable(fixed(new Decimal(scale, 38, 128), Uint32Array.from(words), values.length))
}

describe('Output of record batches', () => {
  const all = batchOf(Object.fromEntries(types.map(([name, data]) => [name, new Vector([data])])))

  it('ndjson has a form for a value of each type', async () => {
    const [first, second] = (await written('ndjson', all)).toString().trim().split('\n')
    expect(first).to.equal(`{${types.map(([name, , json]) => `"${name}":${json}`).join(',')}}`)
    expect(second).to.equal(`{${types.map(([name]) => `"${name}":null`).join(',')}}`)
  })

  it('csv has a form for a value of each type', async () => {
    const [head, first, second] = (await written('csv', all)).toString().split('\n')
    expect(head).to.equal(types.map(([name]) => name).join(','))
    expect(first).to.equal(types.map(([, , json, csv]) => csv ?? json).join(','))
    expect(second).to.equal(types.map(() => '').join(','))
  })

  it('a table has a form for a value of each type', async () => {
    const [, first, second] = (await written('table', all)).toString().split('\n')
    const cells = types.map(([name, , json]) =>
      name === 'null' ? '–' : json.startsWith('"') ? JSON.parse(json) : json
    )
    expect(first?.split(/ {2,}/)).to.deep.equal(cells)
    expect(second?.split(/ {2,}/)).to.deep.equal(types.map(() => '–'))
  })

  it('slices are read from where they begin', async () => {
    const numbers = batchOf({
      d: new Vector([decimals([100n, 150n], 2)]),
      l: vectorFromArray([['a'], ['b', 'c']], new List(new Field('item', new Utf8(), true)))
    })
    const sliced = (await written('ndjson', numbers.slice(1))).toString()
    expect(sliced).to.equal('{"d":null,"l":["b","c"]}\n')
  })

  it('a table has its heading once, and again for other columns; columns become wider', async () => {
    const short = batchOf({ a: vectorFromArray(['x']), b: vectorFromArray(['y']) })
    const long = batchOf({ a: vectorFromArray(['longer']), b: vectorFromArray(['y']) })
    const other = batchOf({ c: vectorFromArray(['z']) })
    const text = (await written('table', short, long, short, other)).toString()
    expect(text).to.equal('a  b\nx  y\nlonger  y\nx       y\nc\nz\n')
  })

  for (const format of ['csv', 'arrow', 'parquet'] as const) {
    it(`${format} refuses a chunk with other columns`, async () => {
      const error = await written(format, batchOf({ a: vectorFromArray(['x']) }), batchOf({ b: vectorFromArray(['x']) })).catch((reason: Error) => reason) // prettier-ignore
      expect(error).to.be.instanceOf(Error).with.property('message').that.contains('other columns')
    })
  }

  for (const format of ['arrow', 'parquet'] as const) {
    it(`${format}: without rows there are columns, without a chunk there is an error`, async () => {
      const empty = await written(format, batchOf({ a: vectorFromArray(['x']) }).slice(0, 0))
      if (format === 'arrow')
        expect(tableFromIPC(empty).schema.fields.map(({ name }) => name)).to.deep.equal(['a'])
      else expect(empty.subarray(0, 4).toString()).to.equal('PAR1')
      const error = await written(format).catch((reason: Error) => reason)
      expect(error).to.be.instanceOf(Error).with.property('message').that.contains('there was no chunk')
    })
  }

  it('arrow waits for whoever reads', async () => {
    let held = 0
    const paused = new Writable({
      highWaterMark: 1,
      write: (chunk: Buffer, _encoding, callback) => {
        held += chunk.length
        if (paused.listenerCount('held') > 0) paused.emit('held', callback)
        else callback()
      }
    })
    const output = openOutput('arrow', paused)
    const first = once(paused, 'held')
    let done = false
    const writing = output.batch(numberedBatch(0, 8000)).then(() => (done = true))
    const [go] = (await first) as [() => void]
    await new Promise(resolve => setImmediate(resolve))
    expect({ done, all: held + paused.writableLength >= 8000 }).to.deep.equal({ done: false, all: false })
    go()
    await writing
    expect(held).to.be.above(8000)
  })
})
