import { once } from 'node:events'
import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { expect } from 'chai'
import { ByteStream, release, type VineyardError } from 'vineyard-streams'
import { rejection } from '../support/rejection.js'
import { onEveryWay } from '../support/subjects.js'

onEveryWay('ByteStream', '64Mi', bench => {
  async function ends(): Promise<{ out: ByteStream; into: ByteStream }> {
    const out = await ByteStream.create(await bench.client())
    const into = await (await bench.client()).get<ByteStream>(out.id)
    return { out, into }
  }

  it('carries bytes through gzip and pipeline(), whatever the chunks', async () => {
    const { out, into } = await ends()
    const bytes = randomBytes(5_000_001)
    const writing = pipeline(
      Readable.from([bytes.subarray(0, 7), bytes.subarray(7)]),
      createGzip(),
      out.createWriteStream()
    )
    const hash = createHash('sha256')
    await pipeline(into.createReadStream(), createGunzip(), hash)
    await writing
    expect(hash.digest('hex')).to.equal(createHash('sha256').update(bytes).digest('hex'))
  })

  it('gathers small writes into chunks and splits large ones', async () => {
    const { out, into } = await ends()
    const writable = out.createWriteStream({ chunkSize: 1000 })
    for (let index = 0; index < 100; index += 1) writable.write(Buffer.alloc(10, index))
    writable.end(Buffer.alloc(2500, 255))
    const sizes: number[] = []
    for await (const chunk of into.createReadStream({ objectMode: true }) as AsyncIterable<Buffer>)
      sizes.push(chunk.length)
    expect(sizes.reduce((sum, size) => sum + size, 0)).to.equal(3500)
    expect(Math.max(...sizes)).to.equal(1000)
    expect(sizes).to.have.length.below(8)
  })

  it('sends a line at once when the source pauses', async () => {
    const { out, into } = await ends()
    const writable = out.createWriteStream()
    const lines = into.createReadStream().setEncoding('utf8').iterator()
    for (const line of ['first\n', 'second\n']) {
      writable.write(line)
      expect((await lines.next()).value).to.equal(line)
    }
    writable.end()
    expect((await lines.next()).done).to.equal(true)
  })

  it('gives Buffers that stay valid', async () => {
    const { out, into } = await ends()
    const writing = pipeline(
      Readable.from(Array.from({ length: 40 }, (_, index) => Buffer.alloc(100_000, index))),
      out.createWriteStream({ objectMode: true })
    )
    const kept = await into.createReadStream({ objectMode: true }).toArray()
    await writing
    kept.forEach((chunk: Buffer, index) => expect(chunk.every(byte => byte === index)).to.equal(true))
    for (const chunk of kept) release(chunk)
  })

  it('passes over an empty chunk, which neither ends nor stalls it', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    await writer.append(Buffer.from('a'))
    await writer.append(Buffer.alloc(0))
    await writer.append(Buffer.from('b'))
    await writer.finish()
    expect(Buffer.concat(await into.createReadStream().toArray()).toString()).to.equal('ab')
  })

  it('takes memory that was filled in place', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    const reader = await into.openReader()
    const memory = await writer.allocate(1000)
    memory.fill(42)
    await writer.append(memory)
    expect(memory).to.have.length(0)
    await writer.finish()
    const { value } = await reader.next()
    expect(value).to.deep.equal(Buffer.alloc(1000, 42))
    expect((await reader.next()).done).to.equal(true)
  })

  it('takes a part of such memory as a chunk of its own', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    const memory = await writer.allocate(1000)
    memory.fill('.')
    await writer.append(memory.subarray(5, 5 + memory.write('hello', 5)))
    expect(memory).to.have.length(0)
    await writer.finish()
    const chunks = await into.createReadStream({ objectMode: true }).toArray()
    expect(chunks.map(String)).to.deep.equal(['hello'])
  })

  it('tells of a failed producer whoever asks for more bytes than there are left', async () => {
    const { out, into } = await ends()
    const writer = await out.openWriter()
    await writer.append(Buffer.from('0123456789'))
    const readable = into.createReadStream()
    const records: string[] = []
    const failed = once(readable, 'error') as Promise<[VineyardError]>
    readable.on('readable', () => {
      for (let record = readable.read(4); record !== null; record = readable.read(4)) {
        if (records.push(String(record)) === 2) setImmediate(() => void writer.fail())
      }
    })
    expect((await failed)[0].code).to.equal('ERR_VINEYARD_STREAM_FAILED')
    expect(records).to.deep.equal(['0123', '4567'])
  })

  const unopened: Record<string, (stream: ByteStream) => Readable> = {
    'in the turn that made it': stream => stream.createReadStream().destroy(),
    'in the turn that made it, with objectMode': stream =>
      stream.createReadStream({ objectMode: true }).destroy(),
    'by a signal that has aborted before': stream => stream.createReadStream({ signal: AbortSignal.abort() })
  }
  for (const [when, read] of Object.entries(unopened)) {
    it(`fails for its producer when its read stream is destroyed ${when}`, async () => {
      const { out, into } = await ends()
      const writer = await out.openWriter(undefined, { window: { chunks: 1 } })
      await writer.append(Buffer.from('fills the window'))
      const append = rejection(writer.append(Buffer.from('waits')))
      const readable = read(into).on('error', () => {})
      expect(await append).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
      // once() would reject with the AbortError.
      if (!readable.closed) await new Promise(resolve => readable.once('close', resolve))
      await writer.close()
    })
  }

  it('refuses what is not bytes', async () => {
    const { out } = await ends()
    const writer = await out.openWriter()
    expect((await rejection(writer.append({} as never))).code).to.equal('ERR_VINEYARD_TYPE')
  })
})
