import { expect } from 'chai'
import { ByteStream, ParallelStream, StreamCollection, type Client } from 'vineyard-streams'
import { onEveryWay } from '../support/subjects.js'
import { rejection } from '../support/rejection.js'

const streams: Record<string, (client: Client) => Promise<{ id: string; drop(): Promise<void> }>> = {
  ByteStream: client => ByteStream.create(client),
  ParallelStream: client => ParallelStream.create(client, 1, ByteStream),
  StreamCollection: client => StreamCollection.create(client, [])
}

onEveryWay('client.migrate()', '16Mi', bench => {
  it('gives the id of what is here already', async () => {
    const client = await bench.client()
    const id = await client.put('here')
    expect(await client.migrate(id)).to.equal(id)
    await client.delete(id)
  })

  for (const [type, create] of Object.entries(streams)) {
    it(`refuses a ${type}: its chunks stay where they are`, async () => {
      const client = await bench.client()
      const stream = await create(client)
      const error = await rejection(client.migrate(stream.id))
      expect(error).to.include({ name: 'VineyardError', code: 'ERR_VINEYARD_TYPE' })
      expect(error.message).to.include(`a vineyard::${type}`)
      await stream.drop()
    })
  }

  it('refuses a blob', async () => {
    const client = await bench.client()
    const id = await client.put(Buffer.from('bytes'))
    expect(await rejection(client.migrate(id))).to.include({ code: 'ERR_VINEYARD_INVALID' })
    await client.delete(id)
  })

  it('says of what is not there that it might not be persistent', async () => {
    const client = await bench.client()
    const error = await rejection(client.migrate('o0000000012345678'))
    expect(error).to.include({ code: 'ERR_VINEYARD_NOT_FOUND', status: 12 })
    expect(error.message).to.include("client.persist('o0000000012345678')")
  })
})
