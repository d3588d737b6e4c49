import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'chai'
import { tableText, type Table } from '../../support/outcome.js'
import { publicClasses } from '../../support/public-api.js'
import { clientTable } from './client-table.js'
import { readerTable, writerTable } from './end-tables.js'
import { readStreamTable, writeStreamTable } from './node-stream-tables.js'
import {
  resumableWriterTable,
  resumingReaderTable,
  seatTable,
  sharedReaderTable,
  sharedWriterTable
} from './shared-tables.js'
import { storeTable } from './store-table.js'
import { groupTable, streamTable } from './stream-tables.js'

const documentation = new URL('../../../../docs/states.md', import.meta.url)
const introduction = `# What each call does in each state

Every cell is tried by \`test/lifetime/states\`, on the embedded store and on a vineyardd, and this page is made of the
tables there: \`VINEYARD_WRITE_STATES=1 npx mocha --no-config build/test/lifetime/states/complete.test.js\` writes it. Codes
are those of \`VineyardError\` without \`ERR_VINEYARD_\`; ABORT_ERR is Node's AbortError, and \`ERR_STREAM_…\` are Node's own.
Where the two servers differ, or one tells sooner than the other, there are two outcomes.

- *peer gone*: the process at the other end of the stream was killed. On a vineyardd that is noticed within 3 s in the same
  pid namespace, within 6 s otherwise. Of a stream object it was the reader: a store tells whoever comes then that the stream
  has failed.
- *connection lost*: the client's own connection, over which it does not read or write. A store goes on watching over the
  ends of streams; on a vineyardd nobody would, so they end.
- *server gone*: it was killed.
- *server silent*: it is there, and says nothing any more (SIGSTOP); the client has a \`timeout\` of a second. *waits, then
  CLOSED*: what may depend on others has no timeout. It ends with its \`signal\`, and within 3 s with \`close()\`,
  \`destroy()\` or \`client.close()\` (more of that in \`test/lifetime/silent-servers.test.ts\`).
- *waiting*: another call of the same object waits, for a chunk or for its window; *before open*: the stream was created in
  this turn of the event loop. One that is destroyed then is opened all the same, and fails or gives up the stream as an open
  one does; a read stream of a resumable stream leaves it to the next reader.
- *failed*: the other end, or this one, called \`fail()\`, or closed before the end.
`
const chapters: [title: string, table: Table<string, never>][] = [
  ['A client', clientTable],
  ['A stream object: RecordBatchStream, DataframeStream, ByteStream', streamTable],
  ['A group: ParallelStream, StreamCollection', groupTable],
  ['A reader: `stream.openReader()`', readerTable],
  ['A writer: `stream.openWriter()`', writerTable],
  ['A read stream: `stream.createReadStream()`', readStreamTable],
  ['A write stream: `stream.createWriteStream()`', writeStreamTable],
  ['A stream object with `consumers: 2`, or `resumable: true`', seatTable],
  ['A reader of a stream with `consumers: 2`', sharedReaderTable],
  ['A writer of a stream with `consumers: 2`', sharedWriterTable],
  ['A reader of a stream with `resumable: true`', resumingReaderTable],
  ['A writer of a stream with `resumable: true`', resumableWriterTable],
  ['A store', storeTable]
]

/** Static methods of all classes have their rows among those of the client that they are given. */
const tables: Record<string, Table<string, never>> = {
  Client: clientTable,
  RecordBatchStream: streamTable,
  DataframeStream: streamTable,
  ByteStream: streamTable,
  VineyardStream: streamTable,
  ParallelStream: groupTable,
  StreamCollection: groupTable,
  StreamGroup: groupTable,
  StreamReader: readerTable,
  StreamWriter: writerTable,
  Store: storeTable
}
/** Values: they hold memory or they do not, which test/lifetime/shared-chunks.test.ts and collection.test.ts are about. */
const values = ['VineyardError', 'OpaqueObject', 'DataFrameBatch', 'Index', 'Series', 'SparseArray']

it('has a row for every method of every public class', () => {
  const missing: string[] = []
  for (const [name, members] of publicClasses()) {
    if (values.includes(name)) continue
    const rows = [tables[name] ?? {}, clientTable].flatMap(table => Object.keys(table))
    const named = (member: string): boolean =>
      rows.some(
        row => row === member || row.startsWith(member.endsWith('()') ? member.slice(0, -1) : `${member} `)
      )
    missing.push(...members.filter(member => !named(member)).map(member => `${name}: ${member}`))
  }
  // What `for await` calls.
  expect(missing).to.deep.equal(['StreamReader: [Symbol.asyncIterator]()'])
})

it('docs/states.md is what the tables say', () => {
  const text = [introduction, ...chapters.map(([title, table]) => tableText(title, table))].join('\n')
  if (process.env['VINEYARD_WRITE_STATES'] === '1') writeFileSync(documentation, text)
  expect(existsSync(documentation) ? readFileSync(documentation, 'utf8') : '').to.equal(text)
})
