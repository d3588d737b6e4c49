import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tableFromArrays, type RecordBatch } from 'apache-arrow'
import { expect } from 'chai'
import { ByteStream, DataframeStream, RecordBatchStream } from 'vineyard-streams'
import { onEachEndpoint } from '../support/subjects.js'
import { needsVineyard, python } from '../support/vineyardd.js'

const run = promisify(execFile)
const page = readFileSync(fileURLToPath(new URL('../../../docs/python.md', import.meta.url)), 'utf8')
/** What the page registers, and its program for TCP. */
const [first = '', program = ''] = [...page.matchAll(/^```python\n([^]*?)^```/gm)].map(([, code]) => code)
const preamble = first.slice(0, first.indexOf('\nclient = '))
/** What makes a table of a chunk's bytes, as the page says. */
const [opened = ''] = /pyarrow\.ipc\.open_stream\(chunk\)\.read_all\(\)/.exec(page) ?? []

onEachEndpoint('Python over TCP reads by the program of docs/python.md,', '16Mi', false, bench => {
  before(function () {
    needsVineyard(this)
  })

  const batch = (): RecordBatch => tableFromArrays({ n: Int32Array.of(1, 2, 3) }).batches[0] as RecordBatch

  it('chunks of each type of stream', async () => {
    const client = await bench.client()
    const batches = await RecordBatchStream.create(client)
    const writing = batches.createWriteStream()
    writing.write(batch())
    writing.end(batch())
    const frames = await RecordBatchStream.create(client)
    frames.createWriteStream({ as: 'dataframe' }).end(batch())
    const tables = await DataframeStream.create(client)
    tables.createWriteStream().end(batch())
    const bytes = await ByteStream.create(client)
    bytes.createWriteStream().end(Buffer.from('as they are'))

    const { hostname, port } = new URL(bench.server.endpoint as string)
    const [functions = '', loop = ''] = program.split(/^(?=for )/m)
    const connecting = functions.replace('10.0.0.1', hostname).replace('9600', port)
    const reading = (stream: { id: string }, shown: string): string =>
      loop.replace('o…', stream.id).replace('print(chunk)', `print(${shown})`)
    const lines = [
      preamble,
      'import pyarrow',
      connecting,
      reading(batches, 'type(chunk).__name__, chunk.to_pydict()'),
      reading(frames, 'type(chunk).__name__, chunk.to_dict("list")'),
      reading(tables, `${opened}.to_pydict()`),
      reading(bytes, 'chunk')
    ]
    const env = { ...process.env, LD_PRELOAD: '', PYTHONDONTWRITEBYTECODE: '1' }
    const { stdout } = await run(python, ['-c', lines.join('\n')], { env })
    const rows = "{'n': [1, 2, 3]}\n"
    expect(stdout).to.include(
      `RecordBatch ${rows}RecordBatch ${rows}DataFrame ${rows}${rows}b'as they are'\n`
    )
  })
})
