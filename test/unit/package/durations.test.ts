import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { ByteStream, connect, Store } from 'vineyard-streams'

/** Node's timers make 1 ms of either, and warn. */
for (const endless of [Infinity, 2 ** 31]) {
  describe(`A duration of ${endless} ms`, () => {
    const warnings: Error[] = []
    const note = (warning: Error): unknown => warnings.push(warning)
    let store: Store

    beforeEach(async () => {
      process.on('warning', note)
      store = await Store.start({ size: '4Mi', rpc: { host: '127.0.0.1', port: 0 } })
    })
    afterEach(async () => {
      await store.close()
      process.off('warning', note)
      expect(warnings.splice(0)).to.deep.equal([])
    })

    it('is no end of idleTimeout', async () => {
      const client = await connect(store.socket)
      const stream = await ByteStream.create(client)
      const reader = await stream.openReader(client, { idleTimeout: endless })
      const late = async (): Promise<void> => {
        // The timer of 1 ms would come before this one.
        await delay(2)
        stream.createWriteStream().end('late')
      }
      const [next] = await Promise.all([reader.next(), late()])
      expect(String(next.value)).to.equal('late')
      expect(await reader.next()).to.include({ done: true })
      await reader.close()
      await client.close()
    })

    it('is no end of the idleTimeout of a writer', async () => {
      const client = await connect(store.socket)
      const stream = await ByteStream.create(client)
      const writer = await stream.openWriter(client, { idleTimeout: endless, window: { chunks: 1 } })
      await writer.append(Buffer.from('first'))
      const late = async (): Promise<string[]> => {
        // The timer of 1 ms would come before this one.
        await delay(2)
        return (await stream.createReadStream().toArray()).map(String)
      }
      const appending = writer.append(Buffer.from('second')).then(() => writer.finish())
      const [read] = await Promise.all([late(), appending])
      expect(read.join(' ')).to.equal('first second')
      await client.close()
    })

    it('is no end of timeout, over either transport', async () => {
      for (const address of [store.socket, `tcp://${store.rpcEndpoint}`]) {
        const client = await connect(address, { timeout: endless })
        const id = await client.put(Buffer.alloc(100_000))
        expect(await client.get(id)).to.have.lengthOf(100_000)
        await client.close()
      }
    })

    it('is no end of drain', async () => {
      const client = await connect(store.socket)
      const stream = await ByteStream.create(client)
      const writer = await stream.openWriter()
      const reader = await stream.openReader()
      for (let index = 0; index < 200; index += 1) await writer.append(Buffer.of(index))
      await writer.finish()
      await reader.next()
      const closed = store.close({ drain: endless })
      // The timer of 1 ms would come before this one, and end the thread of the store.
      await delay(2)
      // More than came with the first, and fewer than there are: the store closes when it has given the last.
      for (let index = 1; index < 100; index += 1) expect((await reader.next()).value?.[0]).to.equal(index)
      await reader.close()
      await closed
      await client.close()
    })
  })
}
