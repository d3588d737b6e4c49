import { finished } from 'node:stream/promises'
import { expect } from 'chai'
import { ByteStream, connect, type Client } from 'vineyard-streams'
import { loseConnection } from '../support/lost-connection.js'
import { silence } from '../support/silence.js'
import { kill, servers, type Victim } from '../support/victims.js'
import { outcome } from '../support/outcome.js'
import { rejection } from '../support/rejection.js'
import { needsVineyard } from '../support/vineyardd.js'

/** A client that waits for ever for whatever is not being closed, with a stream of its own. */
interface Scene {
  client: Client
  stream: ByteStream
}

/** What is done before the server falls silent, and what is tried then. */
type Silence = (scene: Scene) => Promise<() => Promise<unknown>>

const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(50) })

const closing: Record<string, Silence> = {
  'reader.close()': async ({ stream }) => {
    const reader = await stream.openReader()
    return () => reader.close()
  },
  'reader.close() while it waits': async ({ stream }) => {
    const reader = await stream.openReader()
    const next = rejection(reader.next())
    return () => Promise.all([reader.close(), next]).then(() => {})
  },
  'readable.destroy() while it waits': async ({ stream }) => {
    const readable = stream.createReadStream().resume()
    await new Promise(resolve => readable.once('resume', resolve))
    return () => ended(readable.destroy())
  },
  'readable.destroy() while it opens':
    async ({ stream }) =>
    async () => {
      const readable = stream.createReadStream()
      await new Promise(setImmediate)
      await ended(readable.destroy())
    },
  'writer.close()': async ({ stream }) => {
    const writer = await stream.openWriter()
    await writer.allocate(100)
    return () => writer.close()
  },
  'writer.close() while it waits for its window': async ({ stream }) => {
    const writer = await stream.openWriter(undefined, { window: { chunks: 1 } })
    await writer.append(Buffer.from('held'))
    const append = rejection(writer.append(Buffer.from('waits')))
    return () => Promise.all([writer.close(), append]).then(() => {})
  },
  'writer.close() during finish()': async ({ stream }) => {
    const writer = await stream.openWriter()
    return () => Promise.all([rejection(writer.finish()), writer.close()]).then(() => {})
  },
  'writer.fail()': async ({ stream }) => {
    const writer = await stream.openWriter()
    return () => writer.fail()
  },
  'writable.destroy()': async ({ stream }) => {
    const writable = stream.createWriteStream()
    await new Promise(resolve => writable.write('written', resolve))
    return () => ended(writable.destroy())
  },
  'writable.destroy() while it opens':
    async ({ stream }) =>
    async () => {
      const writable = stream.createWriteStream()
      await new Promise(setImmediate)
      await ended(writable.destroy())
    },
  'client.close()':
    async ({ client }) =>
    () =>
      client.close(),
  'client.close() with ends that wait': async ({ client, stream }) => {
    const [reader, writer] = [await stream.openReader(), await stream.openWriter()]
    const next = rejection(reader.next())
    return () => Promise.all([client.close(), next, rejection(writer.finish())]).then(() => {})
  },
  'client.close() during put()':
    async ({ client }) =>
    async () => {
      const put = client.put('text')
      await client.close()
      await put
    },
  'client.close() while an end opens':
    async ({ client, stream }) =>
    async () => {
      const opening = stream.openReader()
      await new Promise(setImmediate)
      await client.close()
      await opening
    }
}

const aborting: Record<string, Silence> = {
  'connect()':
    async ({ client }) =>
    () =>
      connect(client.address, soon()),
  'put()':
    async ({ client }) =>
    () =>
      client.put('text', soon()),
  'get()':
    async ({ client, stream }) =>
    () =>
      client.get(stream.id, soon()),
  'getName()':
    async ({ client }) =>
    () =>
      client.getName('name', soon()),
  'getName() with wait':
    async ({ client }) =>
    () =>
      client.getName('name', { wait: true, ...soon() }),
  'open() by id':
    async ({ client, stream }) =>
    () =>
      ByteStream.open(client, stream.id, soon()),
  'open() by name':
    async ({ client }) =>
    () =>
      ByteStream.open(client, 'name', { wait: true, ...soon() }),
  'openReader()':
    async ({ stream }) =>
    () =>
      stream.openReader(undefined, soon()),
  'openWriter()':
    async ({ stream }) =>
    () =>
      stream.openWriter(undefined, soon()),
  'createReadStream()':
    async ({ stream }) =>
    () =>
      finished(stream.createReadStream(soon()).resume()),
  'createWriteStream()':
    async ({ stream }) =>
    () =>
      finished(stream.createWriteStream(soon())),
  'reader.next()': async ({ stream }) => {
    const reader = await stream.openReader()
    return () => reader.next(soon())
  },
  'reader.nextId()': async ({ stream }) => {
    const reader = await stream.openReader()
    return () => reader.nextId(soon())
  },
  'writer.append()': async ({ stream }) => {
    const writer = await stream.openWriter()
    return () => writer.append(Buffer.from('chunk'), soon())
  },
  'writer.allocate()': async ({ stream }) => {
    const writer = await stream.openWriter()
    return () => writer.allocate(100, soon())
  }
}

async function ended(stream: NodeJS.EventEmitter & { closed: boolean }): Promise<void> {
  if (!stream.closed) await new Promise<void>(resolve => void stream.once('close', resolve))
}

for (const [name, start] of Object.entries(servers)) {
  describe(`When ${name} says nothing any more`, () => {
    let server: Victim

    beforeEach(async function () {
      if (name !== 'the store') needsVineyard(this)
      server = await start()
    })
    afterEach(async () => {
      await kill(server)
      await server.close()
    })

    /** All at once, so that the test takes as long as the longest. */
    async function outcomes(cases: Record<string, Silence>): Promise<Record<string, string>> {
      const tries: [string, () => Promise<unknown>][] = []
      const clients: Client[] = []
      for (const [what, enter] of Object.entries(cases)) {
        const client = await connect(server.socket, { timeout: 0 })
        clients.push(client)
        tries.push([what, await enter({ client, stream: await ByteStream.create(client) })])
      }
      silence(server)
      const seen = await Promise.all(tries.map(async ([what, attempt]) => [what, await outcome(attempt)]))
      await Promise.all(clients.map(client => client.close()))
      return Object.fromEntries(seen) as Record<string, string>
    }

    // Without a limit of its own each of them would wait for ever.
    it('everything can be closed', async () => {
      const wanted = Object.fromEntries(Object.keys(closing).map(what => [what, 'nothing']))
      for (const what of ['during put()', 'while an end opens']) wanted[`client.close() ${what}`] = 'CLOSED'
      expect(await outcomes(closing)).to.deep.equal(wanted)
    })

    it('an abort ends every call that takes a signal', async () => {
      const wanted = Object.fromEntries(Object.keys(aborting).map(what => [what, 'ABORT_ERR']))
      expect(await outcomes(aborting)).to.deep.equal(wanted)
    })
  })

  describe(`When a client of ${name} has lost its own connection`, () => {
    let server: Victim
    let client: Client
    let other: Client
    let stream: ByteStream

    beforeEach(async function () {
      if (name !== 'the store') needsVineyard(this)
      server = await start()
      ;[client, other] = [await connect(server.socket), await connect(server.socket)]
      stream = await ByteStream.create(client)
    })
    afterEach(async () => {
      await Promise.all([client.close(), other.close()])
      await kill(server)
      await server.close()
    })

    it('a reader that waits can be closed', async () => {
      const reader = await stream.openReader()
      const next = outcome(() => reader.next())
      loseConnection(client)
      // On a vineyardd nothing would wake it if its producer died.
      if (name !== 'the store') expect(await next).to.equal('CONNECTION_LOST')
      await reader.close()
      if (name === 'the store') expect(await next).to.equal('CLOSED')
    })

    it('a writer finishes on the store, which watches over it, and fails elsewhere', async () => {
      const writer = await stream.openWriter()
      const reader = await (await ByteStream.open(other, stream.id)).openReader()
      await writer.append(Buffer.from('chunk'))
      loseConnection(client)
      const finish = await outcome(() => writer.finish())
      if (name === 'the store') {
        expect(finish).to.equal('nothing')
        expect(await outcome(() => reader.next())).to.equal('chunk')
        expect(await outcome(() => reader.next())).to.equal('done')
      } else {
        expect(finish).to.equal('CONNECTION_LOST')
      }
      await reader.close()
    })
  })
}
