import { createHash, randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { ByteStream } from 'vineyard-streams'
import { withPythonFromAfar } from './session.js'

withPythonFromAfar('ByteStream and Python', '64Mi', (bench, python) => {
  async function stream(): Promise<ByteStream> {
    return ByteStream.create(await bench.client())
  }

  async function pythonReads(from: ByteStream, writing: Promise<unknown>): Promise<Buffer[]> {
    const [{ chunks, end }] = await Promise.all([python.call('streams.read', { stream: from.id }), writing])
    expect(end).to.equal('StopIteration')
    for (const chunk of chunks) expect(chunk.type).to.equal('builtins.memoryview')
    return chunks.map((chunk: any) => Buffer.from(chunk.value, 'hex'))
  }

  it('gives Python all bytes of a pipeline', async () => {
    const shared = await stream()
    const bytes = randomBytes(3_000_000)
    const pieces = Array.from({ length: 300 }, (_, index) =>
      bytes.subarray(index * 10_000, (index + 1) * 10_000)
    )
    const chunks = await pythonReads(shared, pipeline(Readable.from(pieces), shared.createWriteStream()))
    expect(digest(Buffer.concat(chunks))).to.equal(digest(bytes))
  })

  it('gives Python each Buffer of objectMode as a chunk, empty ones too', async () => {
    const shared = await stream()
    const written = ['one', '', 'three', ''].map(text => Buffer.from(text))
    const chunks = await pythonReads(
      shared,
      pipeline(Readable.from(written), shared.createWriteStream({ objectMode: true }))
    )
    expect(chunks).to.deep.equal(written)
  })

  it('gives Node the bytes that Python writes', async () => {
    const shared = await stream()
    await python.call('streams.write', { stream: shared.id, chunks: ["b'hello, '", "b'world' * 1000"] })
    await python.call('streams.finish', { stream: shared.id })
    const chunks: Buffer[] = await shared.createReadStream().toArray()
    expect(Buffer.concat(chunks).toString()).to.equal(`hello, ${'world'.repeat(1000)}`)
  })

  it('gives Node each chunk that Python makes, and keeps them intact', async () => {
    for (const options of [{ objectMode: true }, { objectMode: true, copy: true }]) {
      const shared = await stream()
      const written = Array.from({ length: 20 }, (_, index) => `bytes([${index}]) * ${1000 + index}`)
      await python.call('streams.write_blobs', { stream: shared.id, chunks: written })
      await python.call('streams.finish', { stream: shared.id })
      const chunks: Buffer[] = await shared.createReadStream(options).toArray()
      expect(chunks).to.deep.equal(
        Array.from({ length: 20 }, (_, index) => Buffer.alloc(1000 + index, index))
      )
    }
  })

  it('gives Node an empty chunk that Python appends', async () => {
    const shared = await stream()
    await python.call('streams.append', { stream: shared.id, chunks: ["b'x'", "b''", "b'y'"] })
    await python.call('streams.finish', { stream: shared.id })
    const reader = await shared.openReader()
    const chunks: string[] = []
    for await (const chunk of reader) chunks.push(String(chunk))
    expect(chunks).to.deep.equal(['x', '', 'y'])
  })

  it('gives Node bytes while Python is still writing', async () => {
    const shared = await stream()
    const reader = await shared.openReader()
    for (const text of ['first', 'second']) {
      await python.call('streams.write_blobs', { stream: shared.id, chunks: [`b'${text}'`] })
      // The chunk that a writer is about to fill counts only when the next one or the end comes.
    }
    await python.call('streams.finish', { stream: shared.id })
    const chunks: string[] = []
    for await (const chunk of reader) chunks.push(String(chunk))
    expect(chunks).to.deep.equal(['first', 'second'])
  })

  it('is a ByteStream on both sides, whoever made it', async () => {
    const id: string = await python.call('streams.new', { kind: 'ByteStream', params: { kind: 'csv' } })
    const found = await (await bench.client()).get(id)
    expect(found).to.be.instanceOf(ByteStream)
    expect(found.params).to.deep.equal({ kind: 'csv' })
    const chunks = await pythonReads(
      found,
      pipeline(Readable.from([Buffer.from('a,b\n')]), found.createWriteStream())
    )
    expect(Buffer.concat(chunks).toString()).to.equal('a,b\n')
  })
})

function digest(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
