import { VineyardError } from '../errors.js'
import type { JsonObject } from '../protocol/json.js'
import type { Connection, RequestBody, Requester, RequestOptions } from './connection.js'

/**
 * So long, in ms, whoever is being closed waits for a server that says nothing. Then it closes its connections, from which
 * the server learns the same if it ever goes on. A server that only has much to do is waited for: it answers meanwhile.
 */
export const patienceMs = 3000

/** Whether `work` ends, in whatever way, while somebody who is being closed waits. If not it goes on all the same. */
export function endsSoon(work: Promise<unknown>): Promise<boolean> {
  return new Promise(resolve => {
    const timer = afterAll(patienceMs, () => resolve(false))
    const ended = (): void => {
      clearTimeout(timer)
      resolve(true)
    }
    work.then(ended, ended)
  })
}

/**
 * Requests of somebody who is being closed, over a connection that may be another's: they reject with ERR_VINEYARD_TIMEOUT
 * once the server has been silent for `patienceMs`, and so do all that come after. The connection is left as it is.
 */
export class ImpatientRequests implements Requester {
  readonly extended: boolean
  readonly #connection: Connection
  #silence: VineyardError | undefined

  constructor(connection: Connection) {
    this.#connection = connection
    this.extended = connection.extended
  }

  request(body: RequestBody, replyType: string, options?: RequestOptions): Promise<JsonObject> {
    if (this.#silence !== undefined) return Promise.reject(this.#silence)
    const asked = performance.now()
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined
      let over = false
      const look = (): void => {
        if (over) return
        const left = Math.max(asked, this.#connection.answered) + patienceMs - performance.now()
        if (left > 0) {
          timer = afterAll(left, look)
          return
        }
        const message = `no ${replyType} within ${patienceMs} ms, while closing`
        this.#silence ??= new VineyardError('ERR_VINEYARD_TIMEOUT', message)
        reject(this.#silence)
      }
      look()
      this.#connection
        .request(body, replyType, options)
        .finally(() => {
          over = true
          clearTimeout(timer)
        })
        .then(resolve, reject)
    })
  }
}

/** What came while this thread was busy is read first. */
function afterAll(ms: number, then: () => void): NodeJS.Timeout {
  return setTimeout(() => setImmediate(then), ms)
}
