/**
 * The demo: an embedded store, a producer process and a consumer process. First the seed page's example (data frames with
 * int, float and bool columns), then real data through `pipeline()`. Exit code 0 only if both sides saw the same.
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { connect, RecordBatchStream, Store } from 'vineyard-streams'
import type { Job, Report } from './messages.js'

const titles: Record<Job['data'], string> = {
  seed: 'The seed page: data frames with int, float and bool columns, by writer.append(id)',
  flights: 'flights-200k.arrow: 200,000 flights (Int16, Float32) through pipeline()',
  weather: 'weather.csv: numbers and text, parsed while it is streamed, through pipeline()'
}

/** Runs one end in a process of its own and resolves with what it reports. */
async function run(role: 'producer' | 'consumer', job: Job): Promise<Report> {
  const child = fork(fileURLToPath(new URL(`./${role}.js`, import.meta.url)))
  child.send(job)
  const reports: Report[] = []
  child.on('message', message => reports.push(message as Report))
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null]
  const [report] = reports
  if (code !== 0 || report === undefined)
    throw new Error(`the ${role} ended with ${signal ?? `code ${code}`}`)
  return report
}

function mismatches(produced: Report, consumed: Report): string[] {
  const wrong: string[] = []
  for (const key of ['chunks', 'rows', 'checksum'] as const) {
    if (produced[key] !== consumed[key])
      wrong.push(`${key}: ${produced[key]} sent, ${consumed[key]} received`)
  }
  produced.frames.forEach((frame, index) => {
    if (frame !== consumed.frames[index])
      wrong.push(`frame ${index}: ${frame} sent, ${consumed.frames[index]} received`)
  })
  return wrong
}

async function show(socket: string, data: Job['data']): Promise<boolean> {
  console.log(`\n${titles[data]}`)
  const client = await connect(socket)
  try {
    const stream = await RecordBatchStream.create(client)
    const job: Job = { socket, streamId: stream.id, data }
    const [consumed, produced] = await Promise.all([run('consumer', job), run('producer', job)])
    for (const [index, frame] of consumed.frames.entries()) console.log(`  frame ${index}: ${frame}`)
    const seconds = consumed.ms / 1000
    const mib = consumed.bytes / 2 ** 20
    console.log(
      `  arrived: ${consumed.chunks} chunks, ${consumed.rows.toLocaleString('en')} rows, ${mib.toFixed(2)} MiB` +
        (data === 'seed'
          ? ''
          : `, ${(consumed.rows / seconds / 1000).toFixed(0)} thousand rows/s with hashing every value`)
    )
    console.log(`  checksum: producer ${produced.checksum}, consumer ${consumed.checksum}`)
    const wrong = mismatches(produced, consumed)
    for (const line of wrong) console.log(`  DIFFERENT ${line}`)
    console.log(wrong.length === 0 ? '  both sides agree' : '  the two sides differ')
    await stream.drop()
    return wrong.length === 0
  } finally {
    await client.close()
  }
}

const store = await Store.start({ size: '64Mi' })
console.log(`embedded store on ${store.socket}`)
try {
  let agreed = true
  for (const data of ['seed', 'flights', 'weather'] as const)
    agreed = (await show(store.socket, data)) && agreed
  process.exitCode = agreed ? 0 : 1
  const { memoryUsage } = await store.status()
  console.log(`\nmemory in use after everything was read: ${memoryUsage} bytes`)
  console.log(agreed ? 'OK' : 'FAILED')
} finally {
  await store.close()
}
