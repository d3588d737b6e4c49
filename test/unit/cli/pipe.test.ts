import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { expect } from 'chai'
import { Utf8 } from 'apache-arrow'
import { connect, RecordBatchStream, Store, type Client } from 'vineyard-streams'
import { CliProcess, type CliResult } from '../../support/cli.js'
import { inside } from '../../support/inside.js'

/** One column of numbers, as pyarrow.feather.write_feather writes it unless told otherwise. */
const compressed = readFileSync(new URL('../../../../test/fixtures/lz4.feather', import.meta.url))

describe('pipe', () => {
  let store: Store
  let client: Client
  before(async () => {
    store = await Store.start({ size: '16Mi' })
    client = await connect(store.socket)
  })
  after(async () => {
    await client.close()
    await store.close()
  })

  const command = (args: readonly string[], input?: string | Buffer): Promise<CliResult> =>
    inside([...args, '--server', store.socket], input === undefined ? {} : { input })

  /** What comes out as ndjson of what went in. */
  async function through(input: string, ...args: string[]): Promise<string> {
    const piped = await command(['pipe', '-', ...args], input)
    expect(piped, piped.stderr).to.include({ code: 0, stderr: '' })
    const id = piped.stdout.trim()
    const out = await command(['cat', id, '--format', 'ndjson'])
    expect(out, out.stderr).to.include({ code: 0, stderr: '' })
    await command(['drop', id])
    return out.stdout
  }

  const csv = (input: string, ...args: string[]): Promise<string> =>
    through(input, '--format', 'csv', ...args)
  const ndjson = (input: string, ...args: string[]): Promise<string> =>
    through(input, '--format', 'ndjson', ...args)

  const bad: [what: string, input: string | Buffer, format: string, says: RegExp][] = [
    ['a line that is not JSON', '{"a":1}\nxx\n', 'ndjson', /line 2 is not JSON/],
    ['a list', '{"a":1}\n\n[1,2]\n', 'ndjson', /line 3 is not an object/],
    ['a text', '"s"\n', 'ndjson', /line 1 is not an object/],
    ['a number', '5\n', 'ndjson', /line 1 is not an object/],
    ['null', 'null', 'ndjson', /line 1 is not an object/],
    ['values of several kinds', '{"a":1}\n{"a":"x"}\n', 'ndjson', /"a" has numbers and strings; --strings/],
    ['an object without members', '{"a":{}}\n', 'ndjson', /"a" has only objects without members/],
    ['an integer that no column keeps', '{"a":18446744073709551616}\n{"a":18446744073709551617}', 'ndjson', /keeps exactly/], // prettier-ignore
    [
      'a number that no column has room for',
      '{"a":1}\n{"b":[{"c":-1e400}]}\n',
      'ndjson',
      /line 2 has a number that is too large/
    ],
    [
      '-0 in a column of integers',
      '{"a":[-0,9007199254740993]}\n',
      'ndjson',
      /"a\[\]" has numbers that no column keeps exactly/
    ],
    ['bytes that are no text', Buffer.from([0x22, 0xff, 0x22, 0x0a]), 'ndjson', /not UTF-8/],
    ['a csv row that is too short', 'a,b\n1\n', 'csv', /Invalid Record Length/],
    ['csv that is no text', Buffer.from([0x61, 0x0a, 0xff, 0x0a]), 'csv', /not UTF-8/],
    ['two columns of one name', 'a,a\n1,2\n', 'csv', /two columns with the name "a"/],
    ['bytes that are not Arrow', 'something else entirely', 'arrow', /cannot be read as Arrow/],
    ['no Arrow at all', '', 'arrow', /nothing in it/],
    ['compressed Arrow', compressed, 'arrow', /codec not found.*compression="uncompressed"/],
    ['bytes that are not parquet', 'something else entirely', 'parquet', /cannot be read as parquet/]
  ]
  for (const [what, input, format, says] of bad) {
    it(`fails for ${what} with one line, and leaves no stream`, async () => {
      const { code, stdout, stderr } = await command(
        ['pipe', '-', '--format', format, '--name', 'bad'],
        input
      )
      expect(code, stderr).to.equal(1)
      expect(stdout).to.match(/^o[0-9a-f]{16}\n$/)
      expect(stderr)
        .to.match(/^vineyard-streams: [^\n]+\n$/)
        .and.match(says)
      expect(await client.listNames()).to.deep.equal({})
      expect(await client.list()).to.deep.equal([])
    })
  }

  it('a reader that waits learns of the failure', async () => {
    const reading = command(['cat', 'nd', '--wait'])
    const { code } = await command(['pipe', '-', '--format', 'ndjson', '--name', 'nd'], '{"a":1}\nxx\n')
    expect(code).to.equal(1)
    const read = await reading
    expect(read.code, read.stderr).to.equal(1)
    expect(read.stderr).to.match(/^vineyard-streams: [^\n]+ERR_VINEYARD_STREAM_FAILED[^\n]+\n$/)
  })

  it('csv: texts that a number would change stay texts', async () => {
    const columns: [string, string[], json: string[]][] = [
      ['zip', ['01234', '99999'], ['"01234"', '"99999"']],
      ['plus', ['+5', '6'], ['"+5"', '"6"']],
      ['space', [' 5', '6'], ['" 5"', '"6"']],
      ['minus', ['-0', '1'], ['-0', '1']],
      ['nan', ['NaN', '1'], ['"NaN"', '"1"']],
      ['infinite', ['Infinity', '1'], ['"Infinity"', '"1"']],
      ['hex', ['0x10', '1'], ['"0x10"', '"1"']],
      ['exponent', ['1e5', '2'], ['100000', '2']],
      ['price', ['1.50', '0.1'], ['1.5', '0.1']],
      ['long', ['9007199254740993', '1'], ['9007199254740993', '1']],
      ['longest', ['9223372036854775807', '-9223372036854775808'], ['9223372036854775807', '-9223372036854775808']], // prettier-ignore
      ['too long', ['9223372036854775808', '1'], ['"9223372036854775808"', '"1"']],
      ['mixed', ['9007199254740993', '0.5'], ['"9007199254740993"', '"0.5"']],
      ['precise', ['0.10000000000000001', '1'], ['0.1', '1']],
      ['too precise', ['0.1234567890123456789', '1'], ['"0.1234567890123456789"', '"1"']],
      ['huge', ['1e999', '1'], ['"1e999"', '"1"']],
      ['truth', ['true', ''], ['true', 'null']],
      ['empty', ['', ''], ['""', '""']]
    ]
    const line = (row: number): string => columns.map(([, texts]) => texts[row]).join(',')
    const expected = (row: number): string =>
      `{${columns.map(([name, , json]) => `"${name}":${json[row]}`).join(',')}}\n`
    const out = await csv(`${columns.map(([name]) => name).join(',')}\n${line(0)}\n${line(1)}\n`)
    expect(out).to.equal(expected(0) + expected(1))
  })

  it('csv: a later chunk that does not fit is refused, not changed', async () => {
    const { code, stderr } = await command(['pipe', '-', '--format', 'csv', '--rows', '1'], 'zip\n1\n01234\n')
    expect({ code, stderr }).to.deep.equal({
      code: 1,
      stderr:
        'vineyard-streams: column "zip" began as Int64, which "01234" is not; --strings reads every column as text\n'
    })
    expect(await csv('zip\n1\n01234\n', '--rows', '1', '--strings')).to.equal(
      '{"zip":"1"}\n{"zip":"01234"}\n'
    )
  })

  it('csv: columns keep their order, whatever their names', async () => {
    const piped = await command(['pipe', '-', '--format', 'csv'], 'b,1,__proto__\nx,2,y\n')
    expect((await command(['cat', piped.stdout.trim(), '--format', 'csv'])).stdout).to.equal(
      'b,1,__proto__\nx,2,y\n'
    )
  })

  it('csv without rows still has columns', async () => {
    const piped = await command(['pipe', '-', '--format', 'csv'], 'a,b\n')
    const stream = await RecordBatchStream.open(client, piped.stdout.trim())
    const [batch] = await stream.createReadStream().toArray()
    expect(batch?.numRows).to.equal(0)
    expect(batch?.schema.fields.map(({ name, type }) => [name, type instanceof Utf8])).to.deep.equal([
      ['a', true],
      ['b', true]
    ])
  })

  it('ndjson: integers stay exact, and lists and structs are columns', async () => {
    const lines =
      '{"n":9007199254740993,"l":[1,2],"s":{"x":1.5,"y":["a",null]},"t":true}\n' +
      '{"n":null,"l":[],"s":null,"t":false}\n' +
      '{"n":-1,"l":null,"s":{"x":null,"y":null},"t":null}\n'
    expect(await ndjson(lines, '--type', 'dataframe')).to.equal(lines)
    expect(await ndjson(lines)).to.equal(lines)
  })

  it('ndjson: what the first rows do not have is refused; --strings takes any kind', async () => {
    const { code, stderr } = await command(
      ['pipe', '-', '--format', 'ndjson', '--rows', '1'],
      '{"a":1}\n{"a":2,"b":3}\n'
    )
    expect(code).to.equal(1)
    expect(stderr).to.contain('there is a "b", which the first rows do not have')
    expect(await ndjson('{"a":1}\n{"a":"x"}\n{"a":[1]}\n', '--strings')).to.equal(
      '{"a":"1"}\n{"a":"x"}\n{"a":"[1]"}\n'
    )
  })

  it('ndjson: -0 stays what it is, as a text too', async () => {
    expect(await ndjson('{"a":-0,"l":[-0.0]}\n{"a":1,"l":[1]}\n')).to.equal(
      '{"a":-0,"l":[-0]}\n{"a":1,"l":[1]}\n'
    )
    expect(await ndjson('{"a":-0}\n', '--strings')).to.equal('{"a":"-0"}\n')
  })

  it('ndjson: lines may be cut anywhere, and the last may lack its end', async () => {
    const long = 'é'.repeat(200_000)
    expect(await ndjson(`{"a":"${long}"}\r\n\n{"a":"b"}`)).to.equal(`{"a":"${long}"}\n{"a":"b"}\n`)
  })

  it('a name that is taken is refused, and moved with --force', async () => {
    const first = await command(['pipe', '-', '--format', 'bytes', '--name', 'taken'], 'one')
    const second = await command(['pipe', '-', '--format', 'bytes', '--name', 'taken'], 'two')
    expect({ code: second.code, stdout: second.stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(second.stderr).to.match(
      /^vineyard-streams: o[0-9a-f]+ has the name taken: .*--force \(ERR_VINEYARD_EXISTS\)\n$/
    )
    expect(await client.getName('taken')).to.equal(first.stdout.trim())
    const third = await command(['pipe', '-', '--format', 'bytes', '--name', 'taken', '--force'], 'three')
    expect(await client.getName('taken')).to.equal(third.stdout.trim())
    await command(['drop', 'taken', first.stdout.trim()])
  })

  it('goes into a stream of any type that exists', async () => {
    const stream = await RecordBatchStream.create(client, { name: 'there' })
    const piped = await command(['pipe', '-', '--format', 'csv', '--to', 'there'], 'a\n1\n')
    expect(piped).to.deep.equal({ code: 0, stdout: `${stream.id}\n`, stderr: '' })
    const [batch] = await stream.createReadStream().toArray()
    expect(String(batch?.schema.fields[0]?.type)).to.equal('Int64')
    const refused = await command(['pipe', '-', '--format', 'bytes', '--to', 'there'], 'x')
    expect(refused.stderr).to.contain('ERR_VINEYARD_TYPE')
    await stream.drop()
  })

  for (const signal of ['SIGINT', 'SIGHUP'] as const) {
    it(`${signal} ends it: 130, and nothing is left`, async () => {
      const child = new CliProcess(['pipe', '-', '--format', 'bytes', '--name', 'cut'], store.socket, null)
      child.child.stdin?.write('something')
      await once(child.child.stdout!, 'data')
      child.child.kill(signal)
      const { code, stderr } = await child.end()
      expect({ code, stderr }).to.deep.equal({ code: 130, stderr: '' })
      expect(await client.listNames()).to.deep.equal({})
    })
  }
})
