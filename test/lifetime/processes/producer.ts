import { once } from 'node:events'
import { ClientCore } from '#dist/client/client-core.js'
import { Connection } from '#dist/client/connection.js'
import { buildObject } from '#dist/client/object-builder.js'
import { connectionSettings } from '#dist/client/settings.js'
import { describe } from '#dist/objects/registry.js'
import { connect, RecordBatchStream, type VineyardError } from 'vineyard-streams'
import { receiveJob, tell } from '../../support/child.js'
import type { ProducerJob, ProducerReport } from '../../support/lifetime-jobs.js'
import { numberedBatch } from '../../support/numbered.js'

const report = (message: ProducerReport): Promise<void> => tell(message)
const job = await receiveJob<ProducerJob>()
const client = await connect(job.socket)
const stream = await RecordBatchStream.open(client, job.stream)
const writer = await stream.openWriter(client, job.window === undefined ? {} : { window: job.window })
await report({ opened: true })

async function halt(): Promise<never> {
  await report({ halted: true })
  // The channel to the test keeps the process alive.
  await once(process, 'message')
  throw new Error('a halted process is to be killed')
}

let number = 0
const { haltInsteadOf } = job
if (haltInsteadOf !== undefined) {
  const request: Connection['request'] = Reflect.get(Connection.prototype, 'request')
  Connection.prototype.request = function (this: Connection, body, ...rest) {
    if (number < 2 || body.type !== haltInsteadOf) return request.call(this, body, ...rest)
    // Blobs that it has asked for and was not told of are nobody's; this is answered after them.
    return request.call(this, { type: 'instance_status_request' }, 'instance_status_reply').then(halt)
  }
}

// append() has copied a chunk when it resolves: one piece of memory serves for all.
const values = new Int32Array(job.bytes / 4)
let code: string | undefined
try {
  for (; number < job.chunks; number += 1) {
    if (number === job.haltAfter) await halt()
    if (job.haltAllocated === true && number > 0) {
      for (let count = 0; count < (job.allocates ?? 1); count += 1) await writer.allocate(job.bytes)
      await halt()
    }
    const batch = numberedBatch(number, job.bytes, values)
    if (number === job.haltBeforePush) {
      const { connection } = await ClientCore.open(connectionSettings(job.socket))
      await buildObject(connection, describe(batch, {}), { wait: true, scoped: true, scopedRoot: true })
      await halt()
    }
    await writer.append(batch)
    if (job.tells === true) await report({ accepted: number })
  }
  await writer.finish()
} catch (error) {
  code = (error as VineyardError).code
}
await client.close()
await report({ done: number, code })
process.disconnect()
