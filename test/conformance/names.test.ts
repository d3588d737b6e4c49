import { expect } from 'chai'
import { ByteStream, ParallelStream } from 'vineyard-streams'
import { onEveryWay } from '../support/subjects.js'
import { rejection } from '../support/rejection.js'

onEveryWay('Names', '16Mi', bench => {
  // A vineyardd takes the first name ever for the index of a list, if it looks like one.
  it('may be numbers, the first one too', async () => {
    const client = await bench.client()
    const id = await client.put('numbered')
    await client.persist(id)
    for (const name of ['0', '-', '123', 'not a number']) {
      await client.putName(id, name)
      expect(await client.getName(name)).to.equal(id)
      expect(await client.getMeta(id)).to.include({ __name: name })
    }
    expect(Object.keys(await client.listNames()).sort()).to.deep.equal(['-', '0', '123', 'not a number'])
    for (const name of ['0', '-', '123', 'not a number']) await client.dropName(name)
    expect(await client.listNames()).to.deep.equal({})
    await client.delete(id)
  })

  it('are for persistent objects: the error for others says what to do', async () => {
    const client = await bench.client()
    const id = await client.put('transient')
    const error = await rejection(client.putName(id, 'names/of-a-transient'))
    expect(error).to.include({ name: 'VineyardError', code: 'ERR_VINEYARD_INVALID', status: 1 })
    expect(error.message).to.include(`client.persist('${id}')`)
    expect(error.cause).to.include({ code: 'ERR_VINEYARD_INVALID' })
    await client.persist(id)
    await client.putName(id, 'names/of-a-transient')
    expect(await client.getName('names/of-a-transient')).to.equal(id)
    await client.dropName('names/of-a-transient')
    await client.delete(id)
  })

  it('stay with the stream that has taken them when the one before ends', async () => {
    const client = await bench.client()
    const name = 'names/of-streams'
    const named = (): Promise<ByteStream> => ByteStream.create(client, { name })
    const first = await named()
    const second = await named()
    await first.drop()
    expect(await client.getName(name)).to.equal(second.id)
    const third = await named()
    await (await second.openReader()).close()
    expect(await client.getName(name)).to.equal(third.id)
    const group = await ParallelStream.create(client, 1, ByteStream, { name })
    await third.drop()
    expect(await client.getName(name)).to.equal(group.id)
    const last = await named()
    await group.drop()
    expect(await client.getName(name)).to.equal(last.id)
    await last.drop()
    expect(await client.listNames()).to.deep.equal({})
  })
})
