import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { DataframeStream, RecordBatchStream, release } from 'vineyard-streams'
import { randomBatches } from '../support/arbitrary-batches.js'
import { exactBatch } from '../support/exact.js'
import { holds } from '../support/properties.js'
import { onEveryWay } from '../support/subjects.js'

onEveryWay('Random batches', '64Mi', bench => {
  for (const type of [RecordBatchStream, DataframeStream]) {
    holds(`arrive as they were sent through a ${type.name}`, async () => {
      const [producer, consumer] = [await bench.client(), await bench.client()]
      return fc.asyncProperty(randomBatches(), async ({ batches, exact }) => {
        const stream = await type.create(producer)
        const into = await consumer.get<RecordBatchStream>(stream.id)
        const [seen] = await Promise.all([
          into.createReadStream().toArray(),
          pipeline(Readable.from(batches), stream.createWriteStream())
        ])
        expect(seen.map(exactBatch)).to.deep.equal(exact)
        for (const batch of seen) release(batch)
        await stream.drop()
      })
    })
  }
})
