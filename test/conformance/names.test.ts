import { expect } from 'chai'
import { ByteStream, ParallelStream, StreamCollection, type Client } from 'vineyard-streams'
import { onEveryWay } from '../support/subjects.js'
import { rejection } from '../support/rejection.js'
import { requestTimes } from '../support/request-times.js'
import { sentRequests } from '../support/sent-requests.js'

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

  it('are waited for while their object is gone, until another one has them', async () => {
    const client = await bench.client()
    const name = 'names/of-what-is-gone'
    const gone = await ByteStream.create(client, { name })
    await client.delete(gone.id, { force: true })
    // The name has stayed.
    expect(await client.getName(name)).to.equal(gone.id)
    expect(await rejection(ByteStream.open(client, name))).to.include({ code: 'ERR_VINEYARD_NOT_FOUND' })
    /** A wait that has looked twice; in an array, or it would be awaited. */
    const waiting = async (within: Client, signal?: AbortSignal): Promise<[Promise<ByteStream>]> => {
      const looks = sentRequests('get_name_request', 4)
      const opening = ByteStream.open(within, name, { wait: true, signal })
      await Promise.race([looks, opening])
      return [opening]
    }
    const ending = new AbortController()
    const [aborted] = await waiting(client, ending.signal)
    ending.abort('enough')
    expect(await rejection(aborted)).to.include({ code: 'ABORT_ERR', cause: 'enough' })
    const other = await bench.client()
    const [closed] = await waiting(other)
    const ended = rejection(closed)
    await other.close()
    expect(await ended).to.include({ code: 'ERR_VINEYARD_CLOSED' })
    const [opening] = await waiting(client)
    const next = await ByteStream.create(client, { name })
    expect((await opening).id).to.equal(next.id)
    await next.drop()
    expect(await client.listNames()).to.deep.equal({})
  })

  it('are not waited for where they are of a collection, and a stream of that is gone', async () => {
    const client = await bench.client()
    const name = 'names/of-a-collection'
    const streams = [await ByteStream.create(client), await ByteStream.create(client)]
    const collection = await StreamCollection.create(client, streams, { name })
    await streams[1]?.drop()
    const opening = StreamCollection.open(client, name, { wait: true })
    expect(await rejection(opening)).to.include({ code: 'ERR_VINEYARD_NOT_FOUND' })
    await collection.drop()
    expect(await client.listNames()).to.deep.equal({})
  })

  it('are gone before the members of a group: nobody who waits for one finds half of it', async () => {
    const client = await bench.client()
    const group = await ParallelStream.create(client, 2, ByteStream, { name: 'names/of-a-group' })
    const types = [...(await requestTimes(() => group.drop())).keys()]
    expect(types).to.include.members(['drop_name_request', 'drop_stream_request'])
    expect(types.indexOf('drop_name_request')).to.be.below(types.indexOf('drop_stream_request'))
  })

  it('are not for blobs, which cannot be persistent', async () => {
    const client = await bench.client()
    const id = await client.put(Buffer.from('bytes'))
    const error = await rejection(client.persist(id))
    expect(error).to.include({ name: 'VineyardError', code: 'ERR_VINEYARD_INVALID', status: 7 })
    expect(error.message).to.include('Uint8Array')
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
