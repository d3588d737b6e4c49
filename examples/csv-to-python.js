// Rows of a csv file go to a model in Python and come back with its predictions. Python needs the client of Vineyard:
// pip install vineyard; the interpreter is $PYTHON or python3.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { pipeline } from 'node:stream/promises'
import { tableFromArrays } from 'apache-arrow'
import { parse } from 'csv-parse'
import { connect, RecordBatchStream, release, Store } from 'vineyard-streams'

const file = process.argv[2]
const store = await Store.start({ size: '64Mi' })
const client = await connect(store.socket)
const weather = await RecordBatchStream.create(client)
const predictions = await RecordBatchStream.create(client)
const script = fileURLToPath(new URL('model.py', import.meta.url))
const args = [script, store.socket, weather.id, predictions.id]
const model = spawn(process.env.PYTHON ?? 'python3', args, { stdio: 'inherit' })
const modelEnded = once(model, 'exit')

async function* batches(rows) {
  let gathered = []
  const batch = () => {
    const column = name => Float64Array.from(gathered, row => row[name])
    const columns = { temp_min: column('temp_min'), temp_max: column('temp_max') }
    gathered = []
    return tableFromArrays(columns).batches[0]
  }
  for await (const row of rows) if (gathered.push(row) === 500) yield batch()
  if (gathered.length > 0) yield batch()
}

const sending = pipeline(
  createReadStream(file),
  parse({ columns: true }),
  batches,
  weather.createWriteStream()
)
let count = 0
let error = 0
for await (const batch of predictions.createReadStream()) {
  for (const { temp_max: actual, predicted } of batch) {
    count += 1
    error += Math.abs(predicted - actual)
  }
  release(batch)
}
await sending
const [code] = await modelEnded
console.log(`${count} predictions, off by ${(error / count).toFixed(1)} degrees on average`)
process.exitCode = code
await client.close()
await store.close()
