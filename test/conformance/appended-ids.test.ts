import { expect } from 'chai'
import { tableToIPC, Table } from 'apache-arrow'
import { ByteStream, DataframeStream, RecordBatchStream, release } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { rejection } from '../support/rejection.js'
import { onEveryWay } from '../support/subjects.js'

const emptyBlob = 'o8000000000000000'

onEveryWay('Objects appended by their ids', '64Mi', bench => {
  const types = { ByteStream, DataframeStream, RecordBatchStream }
  for (const [name, Type] of Object.entries(types) as [string, typeof ByteStream][]) {
    it(`are refused by a ${name} that nobody could read them from, and the writer goes on`, async () => {
      const client = await bench.client()
      const stream = await Type.create(client)
      const [writer, reader] = [await stream.openWriter(), await stream.openReader()]
      const gone = await client.put(Buffer.from('gone'))
      await client.delete(gone)
      const refused: [id: string, code: string][] = [
        ['o8000000000000123', 'ERR_VINEYARD_NOT_FOUND'],
        [gone, 'ERR_VINEYARD_NOT_FOUND'],
        // It stands for the whole memory of the server.
        ['offffffffffffffff', 'ERR_VINEYARD_METADATA']
      ]
      if (name === 'RecordBatchStream') refused.push(['o0000000000000099', 'ERR_VINEYARD_NOT_FOUND'])
      else refused.push([await client.put(5), 'ERR_VINEYARD_TYPE'])
      for (const [id, code] of refused) {
        expect(await rejection(writer.append(id as never)), id).to.include({ code })
      }
      const bytes = Buffer.from(tableToIPC(new Table([seedBatch(1, 3)])))
      await writer.append(await client.put(bytes))
      await writer.finish()
      const { value } = await reader.next()
      expect(value).not.to.equal(undefined)
      release(value)
      expect(await reader.next()).to.include({ done: true })
    })
  }

  it('may be the blob of no bytes, which nobody has made', async () => {
    const stream = await ByteStream.create(await bench.client())
    const [writer, reader] = [await stream.openWriter(), await stream.openReader()]
    expect(await writer.append(emptyBlob as never)).to.equal(emptyBlob)
    await writer.finish()
    expect(await reader.next()).to.deep.equal({ done: false, value: Buffer.alloc(0) })
    expect(await reader.next()).to.include({ done: true })
  })
})
