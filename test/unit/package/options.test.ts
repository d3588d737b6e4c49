import { expect } from 'chai'
import {
  ByteStream,
  connect,
  DataframeStream,
  ParallelStream,
  receive,
  RecordBatchStream,
  Store,
  StreamCollection,
  tensor,
  type Client
} from 'vineyard-streams'
import * as streamx from 'vineyard-streams/streamx'
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

  it('a value of the wrong kind is refused at the call, which says what it got, and nothing is left behind', async () => {
    const stream = await RecordBatchStream.create(client)
    const bytes = await ByteStream.create(client)
    const frames = await DataframeStream.create(client)
    const group = await ParallelStream.create(client, 1, RecordBatchStream)
    const writer = await (await RecordBatchStream.create(client)).openWriter()
    const ring: { self?: object } = {}
    ring.self = ring
    const id = stream.id
    const type = 'ERR_INVALID_ARG_TYPE'
    const value = 'ERR_INVALID_ARG_VALUE'
    const range = 'ERR_OUT_OF_RANGE'
    const create = (...args: any[]): unknown => (RecordBatchStream.create as any)(...args)
    const parallel = (...args: any[]): unknown => (ParallelStream.create as any)(...args)
    const collection = (streams: unknown, metadata = {}): unknown =>
      (StreamCollection.create as any)(client, streams, { metadata })
    const distribute = (partition: any): unknown => group.createWriteStream({ partition })
    const { createReadStream, createWriteStream } = stream as any
    const read = createReadStream.bind(stream) as (options: object) => unknown
    const write = createWriteStream.bind(stream) as (options: object) => unknown
    const wrong: [call: string, action: () => unknown, code: string, message: RegExp][] = [
      ['connect: address', () => connect(5 as any), type, /"address" argument must be a string/],
      ['connect: empty address', () => connect(''), value, /"address" argument/],
      ['connect: timeout', () => connect(store.socket, { timeout: '5' as any }), type, /Received '5'$/],
      ['connect: timeout', () => connect(store.socket, { timeout: -1 }), range, /"timeout".*Received -1$/],
      ['connect: username', () => connect(store.socket, { username: 5 as any }), type, /"username"/],
      ['connect: compression', () => connect(store.socket, { compression: 1 as any }), type, /"compression"/],
      ['Store.start: size', () => Store.start({ size: {} as any }), type, /"size"/],
      ['Store.start: rpc', () => Store.start({ rpc: 5 as any }), type, /"rpc" option must be an object/],
      ['Store.start: rpc.port', () => Store.start({ rpc: { port: '1' as any } }), type, /"rpc.port"/],
      ['store.close', () => store.close({ drain: 'no' as any }), type, /"drain".*'no'$/],
      [
        'put: as',
        () => client.put(1, { as: 'pandas' as any }),
        value,
        /'recordbatch' or 'dataframe'.*'pandas'$/
      ],
      ['put: signal', () => client.put(1, { signal: 'now' as any }), type, /"signal".*AbortSignal.*'now'$/],
      ['get: allParts', () => client.get(id, { allParts: 1 as any }), type, /"allParts"/],
      ['get: zeroCopy', () => client.get(id, { zeroCopy: 'yes' as any }), type, /"zeroCopy"/],
      ['delete: force', () => client.delete(id, { force: 1 as any }), type, /"force"/],
      ['list: pattern', () => client.list({ pattern: 5 as any }), type, /"pattern" option must be a string/],
      ['list: regex', () => client.list({ regex: 'x' as any }), type, /"regex"/],
      ['list: limit', () => client.list({ limit: '1' as any }), type, /"limit"/],
      ['listNames: limit', () => client.listNames({ limit: -1 }), range, /"limit".*-1$/],
      ['getName: wait', () => client.getName('x', { wait: 1 as any }), type, /"wait"/],
      ['getName: name', () => client.getName(5 as any), type, /"name" argument/],
      ['putName: no name', () => client.putName(id, ''), value, /"name" argument.*not empty/],
      ['create: no client', () => create(), type, /"client" argument.*undefined$/],
      [
        'create: options first',
        () => create({ name: 'x' }),
        type,
        /"client" argument.*options come after it/
      ],
      ['create: params', () => create(client, { params: 5 }), type, /"params".*JSON values.*5$/],
      ['create: a list', () => create(client, { params: [1] }), type, /"params"/],
      ['create: a Map', () => create(client, { params: new Map() }), type, /"params"/],
      ['create: a function', () => create(client, { params: { a: { f() {} } } }), value, /a\.f is not.*f\]$/],
      ['create: a Date', () => create(client, { params: { d: new Date() } }), value, /d is not/],
      ['create: NaN', () => create(client, { params: { x: [1, NaN] } }), value, /x\.1 is not.*NaN$/],
      ['create: a ring', () => create(client, { params: ring }), value, /self/],
      ['create: name', () => create(client, { name: 5 }), type, /"name" option must be a string/],
      ['create: no name', () => create(client, { name: '' }), value, /"name" option.*not empty/],
      ['create: policy', () => create(client, { policy: 'drop' }), value, /"policy".*"consumers"/],
      ['create: consumers', () => create(client, { consumers: '2' }), type, /"consumers".*'2'$/],
      ['open: no client', () => (RecordBatchStream.open as any)('name'), type, /"client" argument/],
      ['open: no name', () => (RecordBatchStream.open as any)(client), type, /"idOrName" argument/],
      ['parallel: no client', () => parallel(5, 2, RecordBatchStream), type, /"client" argument.*5$/],
      ['parallel: no type', () => parallel(client, 2), type, /"type" argument/],
      ['parallel: count', () => parallel(client, '2', RecordBatchStream), type, /"count" argument.*'2'$/],
      ['parallel: none', () => parallel(client, 0, RecordBatchStream), range, /"count" argument/],
      ['parallel: name', () => parallel(client, 1, RecordBatchStream, { name: 5 }), type, /"name" option/],
      ['collection: no client', () => (StreamCollection.create as any)([]), type, /"client" argument/],
      ['collection: a key', () => collection([], { signature: 1 }), value, /not have the key 'signature'$/],
      ['collection: a number as key', () => collection([], { 7: 1 }), value, /not have the key '7'$/],
      ['collection: global', () => collection([], { global: 1 }), value, /a boolean as 'global'/],
      ['collection: transient', () => collection([], { transient: null }), value, /a boolean as 'transient'/],
      [
        'collection: an object in metadata',
        () => StreamCollection.create(client, [], { metadata: { a: { b: 1 } } }),
        value,
        /"metadata".*a is one/
      ],
      ['collection: no list', () => collection('x'), type, /"streams" argument/],
      ['collection: no id', () => collection([{ id: 'x' }]), type, /"streams" argument/],
      ['collection: nearly an id', () => collection([{ id: `${stream.id}0` }]), type, /"streams" argument/],
      [
        'openWriter: options first',
        () => stream.openWriter({ window: {} } as any),
        type,
        /"client" argument/
      ],
      [
        'openReader: options first',
        () => stream.openReader({ copy: true } as any),
        type,
        /"client" argument/
      ],
      ['openReader: copy', () => stream.openReader(client, { copy: 'yes' as any }), type, /"copy"/],
      ['read: copy', () => read({ copy: 'yes' }), type, /"copy" option must be a boolean. Received 'yes'/],
      ['read: idleTimeout', () => read({ idleTimeout: '5' }), type, /"idleTimeout".*'5'$/],
      ['read: highWaterMark', () => read({ highWaterMark: '5' }), value, /"highWaterMark".*'5'$/],
      ['write: as', () => write({ as: 'pandas' }), value, /"as" option must be 'recordbatch' or 'dataframe'/],
      ['write: sameSchema', () => write({ sameSchema: 'x' }), type, /"sameSchema"/],
      ['write: idleTimeout', () => write({ idleTimeout: '5' }), type, /"idleTimeout".*'5'$/],
      ['write: window', () => write({ window: 5 }), type, /"window" option must be an object/],
      ['write: window.chunks', () => write({ window: { chunks: '3' } }), type, /"window.chunks"/],
      ['write: window.bytes', () => write({ window: { bytes: 0 } }), range, /"window.bytes"/],
      ['write: a list', () => write([]), type, /"options" argument must be an object/],
      ['frames: sameSchema', () => frames.createWriteStream({ sameSchema: 1 as any }), type, /"sameSchema"/],
      ['bytes: chunkSize', () => bytes.createWriteStream({ chunkSize: '1' as any }), type, /"chunkSize"/],
      ['bytes: objectMode', () => bytes.createReadStream({ objectMode: 1 as any }), type, /"objectMode"/],
      [
        'bytes: encoding',
        () => bytes.createReadStream({ encoding: 'x' as any }),
        'ERR_UNKNOWN_ENCODING',
        /x/
      ],
      [
        'bytes: encoding and objectMode',
        () => bytes.createReadStream({ objectMode: true, encoding: 'utf8' }),
        value,
        /"encoding".*"objectMode"/
      ],
      ['allocateBatch: schema', () => writer.allocateBatch(null as any, 1), type, /"schema" argument/],
      ['receive', () => receive({ port: {}, memory: {} } as any), type, /"shared" argument/],
      ['group: as', () => group.createWriteStream({ as: 'pandas' }), value, /"as"/],
      ['group: partition', () => group.createReadStream({ partition: 'x' as any }), value, /"partition"/],
      ['partition: null', () => distribute(null), value, /"partition" option must be .*null$/],
      ['partition: a word', () => distribute('x'), value, /"partition" option must be .*'x'$/],
      ['partition: no column', () => distribute({}), value, /"partition" option must be .*{}$/],
      [
        'partition: column',
        () => distribute({ column: 1 }),
        type,
        /"partition.column" option must be a string/
      ],
      [
        'partition: an unknown name',
        () => distribute({ column: 'a', x: 1 }),
        value,
        /Unknown option "x". Known: column/
      ],
      ['streamx: as', () => streamx.createWriteStream(stream, { as: 'x' as any }), value, /"as"/],
      ['streamx: copy', () => streamx.createReadStream(stream, { copy: 1 as any }), type, /"copy"/],
      ['tensor: dtype', () => tensor([1], { dtype: 5 as any }), type, /"dtype"/]
    ]
    const { objects } = await store.status()
    for (const [call, action, code, message] of wrong) {
      const error = await rejection((async () => action())())
      expect(error, call).to.be.instanceOf(code === range ? RangeError : TypeError)
      expect(error, call).to.include({ code })
      expect(error.message, call).to.match(message)
    }
    expect(await store.status()).to.include({ objects })
    await writer.close()
    for (const one of [stream, bytes, frames, group]) await one.drop()
  })

  it('params may have long integers and what is undefined', async () => {
    const stream = await RecordBatchStream.create(client, {
      params: { big: 2n ** 60n, no: undefined } as any
    })
    expect((await RecordBatchStream.open(client, stream.id)).params).to.deep.equal({ big: 2n ** 60n })
    await stream.drop()
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
