import { makeVector, RecordBatch, tableToIPC, Table, vectorFromArray } from 'apache-arrow'
import { expect } from 'chai'
import fc from 'fast-check'
import { ByteStream, connect, DataframeStream, release, Store, type Client } from 'vineyard-streams'
import { batchOf } from '../support/batches.js'
import { fuzzes } from '../support/fuzzing.js'

describe('Arrow bytes that somebody else wrote', () => {
  let store: Store
  let client: Client
  before(async () => {
    store = await Store.start({ size: '16Mi' })
    client = await connect(store.socket)
  })
  after(async () => {
    await client.close()
    await store.close({ drain: 0 })
  })

  const batch = batchOf({
    n: makeVector(Int32Array.of(1, 2, 3, 4)),
    s: vectorFromArray(['a', 'bc', null, 'def']),
    b: vectorFromArray([true, null, false, true])
  })
  const good = Buffer.from(tableToIPC(new Table(batch), 'stream'))
  const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255))

  fuzzes(
    'are a batch that can be read, or an error with a code',
    fc.record({ changes: fc.array(change, { maxLength: 6 }), cut: fc.option(fc.nat(good.length)) }),
    async ({ changes, cut }) => {
      const bytes = Buffer.from(cut === null ? good : good.subarray(0, cut))
      for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value
      const stream = await DataframeStream.create(client)
      // A chunk of a DataframeStream is a blob: any bytes can be pushed.
      const writer = await stream.openWriter()
      await writer.append(await client.put(bytes))
      await writer.finish()
      const reader = await stream.openReader()
      try {
        for (;;) {
          const { done, value } = await reader.next()
          if (done === true) break
          expect(value).to.be.instanceOf(RecordBatch)
          for (const row of value) row?.toJSON()
          release(value)
        }
      } catch (error) {
        const { code, name } = error as Error & { code?: string }
        expect(code ?? name, String((error as Error).stack)).to.match(/^ERR_VINEYARD_/)
      }
      await reader.close()
      await stream.drop()
    },
    20
  )

  it('do not concern others', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    await writer.append(Buffer.from('untouched'))
    await writer.finish()
    const [value] = await stream.createReadStream().toArray()
    expect(String(value)).to.equal('untouched')
    await stream.drop()
  })
})
