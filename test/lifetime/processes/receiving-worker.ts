/** Receives shared chunks, tells what is in each, and does with them what it is told. */
import { parentPort } from 'node:worker_threads'
import type { RecordBatch } from 'apache-arrow'
import { receive, release, type SharedChunk } from 'vineyard-streams'
import { numberOf } from '../../support/numbered.js'

const kept: object[] = []

parentPort?.on('message', (message: SharedChunk | 'release' | 'again' | 'spin') => {
  if (message === 'spin') for (;;);
  if (message === 'release') {
    parentPort?.postMessage(kept.splice(0).map(chunk => release(chunk)))
  } else if (message === 'again') {
    parentPort?.postMessage(kept.map(describe))
  } else {
    const chunk = receive<RecordBatch | Buffer>(message)
    kept.push(chunk)
    parentPort?.postMessage(describe(chunk))
  }
})

function describe(chunk: object): unknown {
  return Buffer.isBuffer(chunk) ? chunk.toString() : numberOf(chunk as RecordBatch)
}
