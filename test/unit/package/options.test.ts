import { expect } from 'chai'
import {
  ByteStream,
  connect,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  Store,
  StreamCollection,
  tensor,
  type Client
} from 'vineyard-streams'
import { rejection } from '../../support/rejection.js'

describe('Option objects', () => {
  let store: Store
  let client: Client

  before(async () => {
    store = await Store.start({ size: '4Mi' })
    client = await connect(store.socket)
  })
  after(async () => {
    await client.close()
    await store.close()
  })

  /** Every call of the public API that takes options, with options of any kind. */
  const calls: Record<string, (options: any) => unknown> = {
    connect: options => connect(store.socket, options),
    'Store.start': options => Store.start(options),
    'store.close': options => store.close(options),
    'client.put': options => client.put(1, options),
    'client.get': options => client.get('o0000000000000001', options),
    'client.delete': options => client.delete([], options),
    'client.list': options => client.list(options),
    'client.listNames': options => client.listNames(options),
    'client.getName': options => client.getName('name', options),
    'RecordBatchStream.create': options => RecordBatchStream.create(client, options),
    'RecordBatchStream.open': options => RecordBatchStream.open(client, 'name', options),
    'DataframeStream.create': options => DataframeStream.create(client, options),
    'DataframeStream.open': options => DataframeStream.open(client, 'name', options),
    'ByteStream.create': options => ByteStream.create(client, options),
    'ByteStream.open': options => ByteStream.open(client, 'name', options),
    'ParallelStream.create': options => ParallelStream.create(client, 1, RecordBatchStream, options),
    'ParallelStream.open': options => ParallelStream.open(client, 'name', options),
    'StreamCollection.create': options => StreamCollection.create(client, [], options),
    'StreamCollection.open': options => StreamCollection.open(client, 'name', options),
    tensor: options => tensor([1], options)
  }

  for (const Type of [RecordBatchStream, DataframeStream, ByteStream]) {
    const { name } = Type
    const withStream = async (use: (stream: any) => unknown): Promise<unknown> => {
      const stream = await Type.create(client)
      try {
        return await use(stream)
      } finally {
        await stream.drop()
      }
    }
    const withEnd = (
      open: 'openReader' | 'openWriter',
      use: (end: any) => Promise<unknown>
    ): Promise<unknown> =>
      withStream(async stream => {
        const end = await stream[open]()
        try {
          return await use(end)
        } finally {
          await end.close()
        }
      })
    Object.assign(calls, {
      [`${name}: createReadStream`]: (options: any) => withStream(stream => stream.createReadStream(options)),
      [`${name}: createWriteStream`]: (options: any) =>
        withStream(stream => stream.createWriteStream(options)),
      [`${name}: openReader`]: (options: any) => withStream(stream => stream.openReader(client, options)),
      [`${name}: openWriter`]: (options: any) => withStream(stream => stream.openWriter(client, options)),
      [`${name}: reader.next`]: (options: any) => withEnd('openReader', reader => reader.next(options)),
      [`${name}: reader.nextId`]: (options: any) => withEnd('openReader', reader => reader.nextId(options)),
      [`${name}: writer.append`]: (options: any) =>
        withEnd('openWriter', writer => writer.append(Buffer.alloc(1), options)),
      [`${name}: writer.allocate`]: (options: any) =>
        withEnd('openWriter', writer => writer.allocate(1, options)),
      [`${name}: window`]: (options: any) =>
        withStream(stream => stream.createWriteStream({ window: options }))
    })
  }
  for (const end of ['createReadStream', 'createWriteStream'] as const) {
    calls[`ParallelStream: ${end}`] = async (options: any) => {
      const stream = await ParallelStream.create(client, 1, RecordBatchStream)
      try {
        return stream[end](options)
      } finally {
        await stream.drop()
      }
    }
  }

  for (const [name, call] of Object.entries(calls)) {
    it(`${name}: an unknown option is named, with the known ones, and nothing else is taken for options`, async () => {
      const unknown = await rejection((async () => call({ colour: 'red', size_: 1 }))())
      expect(unknown).to.be.instanceOf(TypeError).and.have.property('code', 'ERR_INVALID_ARG_VALUE')
      expect(unknown.message).to.match(/^Unknown options "colour", "size_"\. Known: \w/)
      expect(unknown.message).not.to.contain('extensions')
      const none = await rejection((async () => call(null))())
      expect(none).to.be.instanceOf(TypeError).and.have.property('code', 'ERR_INVALID_ARG_TYPE')
    })
  }

  it('a signal that is none is refused', async () => {
    const error = await rejection(client.get('o0000000000000001', { signal: 'now' as any }))
    expect(error).to.have.property('code', 'ERR_INVALID_ARG_TYPE')
    expect(error.message).to.equal('The "signal" option must be an AbortSignal. Received now')
  })

  it('options that Node users give out of habit are taken where they say what is the case', async () => {
    const batches = await RecordBatchStream.create(client)
    batches.createReadStream({ objectMode: true, highWaterMark: 4 }).destroy()
    expect(() => batches.createReadStream({ objectMode: false })).to.throw(TypeError, '"objectMode"')
    expect(() => batches.createWriteStream({ objectMode: false })).to.throw(TypeError, '"objectMode"')
    const bytes = await ByteStream.create(client)
    const text = bytes.createReadStream({ encoding: 'utf8' }).toArray()
    bytes.createWriteStream({ objectMode: false }).end('é')
    expect(await text).to.deep.equal(['é'])
  })

  it('the opening of a reader or writer can be aborted', async () => {
    const stream = await RecordBatchStream.create(client)
    const signal = AbortSignal.abort('reason')
    expect(await rejection(stream.openReader(client, { signal }))).to.include({ code: 'ABORT_ERR' })
    expect(await rejection(stream.openWriter(client, { signal }))).to.include({ cause: 'reason' })
    await stream.drop()
  })
})
