/** Hands on what it receives, keeps it, and waits to be terminated. */
import { parentPort } from 'node:worker_threads'
import { receive, share, type SharedChunk } from 'vineyard-streams'

const kept: object[] = []

parentPort?.on('message', (message: SharedChunk) => {
  const chunk = receive<object>(message)
  kept.push(chunk)
  const shared = share(chunk)
  parentPort?.postMessage(shared, [shared.port])
})
