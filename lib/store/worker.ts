/**
 * The thread that a Store runs on. It tells the other side when it has started, answers its questions, and ends by itself
 * when it has been closed: nothing is left that keeps its event loop alive.
 */
import { parentPort, workerData } from 'node:worker_threads'
import type { StoreOptions } from './options.js'
import { StoreServer } from './server.js'
import { describeError, type FromWorker, type ToWorker } from './worker-messages.js'

const port = parentPort!

function tell(message: FromWorker): void {
  port.postMessage(message)
}

try {
  const server = await StoreServer.start(workerData as StoreOptions)
  port.on('message', (message: ToWorker) => {
    if (message.ask === 'status') {
      tell({ tell: 'status', number: message.number, status: server.status() })
      return
    }
    server.close({ drain: message.drain }).then(
      () => port.close(),
      (error: unknown) => {
        throw error
      }
    )
  })
  tell({
    tell: 'started',
    socket: server.socket,
    rpcEndpoint: server.rpcEndpoint,
    uiUrl: server.uiUrl,
    metricsUrl: server.metricsUrl
  })
} catch (error) {
  tell({ tell: 'failed', error: describeError(error) })
}
