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
- Of a group *ended* is said of all its streams, *both ends taken*, *failed* and *peer gone* of the first one.
- *thread gone*: the thread of a store was ended, as by a lack of memory.
- *aborted meanwhile*: the signal aborts when the call has begun; of an opening, in the next turn of the event loop, when it may
  be over. What the other end learns is in \`test/lifetime/ended-openings.test.ts\`.
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

/** The tables of each class, which have a row for each of its methods. Static methods are among those of a client, which they are given. */
const tables: Record<string, Table<string, never>[]> = {
  Client: [clientTable],
  RecordBatchStream: [streamTable],
  DataframeStream: [streamTable],
  ByteStream: [streamTable],
  VineyardStream: [streamTable],
  ParallelStream: [groupTable],
  StreamCollection: [groupTable],
  StreamGroup: [groupTable],
  StreamReader: [readerTable, sharedReaderTable, resumingReaderTable],
  StreamWriter: [writerTable, sharedWriterTable, resumableWriterTable],
  Store: [storeTable]
}
/** Values: they hold memory or they do not, which test/lifetime/shared-chunks.test.ts and collection.test.ts are about. */
const values = ['VineyardError', 'OpaqueObject', 'DataFrameBatch', 'Index', 'Series', 'SparseArray']

it('has a row for every method of every public class', () => {
  const missing: string[] = []
  for (const [name, members] of publicClasses()) {
    if (values.includes(name)) continue
    for (const member of members) {
      const isStatic = member.startsWith(`${name}.`) && name !== 'Store'
      const own = isStatic ? [clientTable] : (tables[name] ?? [{}])
      if (!own.every(table => hasRow(table, member))) missing.push(`${name}: ${member}`)
    }
  }
  // What `for await` calls.
  expect(missing).to.deep.equal(['StreamReader: [Symbol.asyncIterator]()'])
})

/** A row by its very name; of a store's static method one that says more: it has no store yet. */
function hasRow(table: Table<string, never>, member: string): boolean {
  return Object.keys(table).some(
    row => row === member || (member.startsWith('Store.') && row.startsWith(`${member} `))
  )
}

it('docs/states.md is what the tables say', () => {
  const text = [introduction, ...chapters.map(([title, table]) => tableText(title, table))].join('\n')
  if (process.env['VINEYARD_WRITE_STATES'] === '1') writeFileSync(documentation, text)
  expect(existsSync(documentation) ? readFileSync(documentation, 'utf8') : '').to.equal(text)
})
