// An HTTP upload of csv becomes a parquet file: the web server only writes batches into a stream, whoever reads them
// makes the file. Both ends are here; in earnest they are two processes.
import { createServer } from 'node:http'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import { Table, tableFromArrays, tableFromIPC, tableToIPC } from 'apache-arrow'
import { parse } from 'csv-parse'
import * as parquet from 'parquet-wasm/node'
import { connect, RecordBatchStream, release, Store } from 'vineyard-streams'

const file = process.argv[2] ?? 'upload.parquet'
const store = await Store.start({ size: '64Mi' })
const client = await connect(store.socket)
const stream = await RecordBatchStream.create(client)

async function* batches(rows) {
  let gathered = []
  const batch = () => {
    const columns = {
      id: Int32Array.from(gathered, row => row.id),
      price: Float64Array.from(gathered, row => row.price)
    }
    gathered = []
    return tableFromArrays(columns).batches[0]
  }
  for await (const row of rows) if (gathered.push(row) === 100) yield batch()
  if (gathered.length > 0) yield batch()
}

const server = createServer((request, response) => {
  pipeline(request, parse({ columns: true }), batches, stream.createWriteStream()).then(
    () => response.end('stored\n'),
    error => response.writeHead(400).end(`${error.message}\n`)
  )
}).listen(0, '127.0.0.1')
await once(server, 'listening')

async function toParquet() {
  const read = []
  for await (const batch of stream.createReadStream()) read.push(batch)
  const table = parquet.Table.fromIPCStream(tableToIPC(new Table(read), 'stream'))
  for (const batch of read) release(batch)
  await writeFile(file, parquet.writeParquet(table))
}

const body = ['id,price', ...Array.from({ length: 250 }, (_, id) => `${id},${id / 4}`)].join('\n')
const [answer] = await Promise.all([
  fetch(`http://127.0.0.1:${server.address().port}`, { method: 'POST', body }).then(reply => reply.text()),
  toParquet()
])
const table = tableFromIPC(parquet.readParquet(await readFile(file)).intoIPCStream())
console.log(answer.trim(), table.numRows, 'rows, the last one', String(table.get(249)))
server.close()
server.closeAllConnections()
await client.close()
await store.close()
