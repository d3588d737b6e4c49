import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createServer, get, request, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { expect } from 'chai'
import { dataset, Session } from './session.js'

const file = dataset('flights-10k.json')

async function hashOf(source: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const part of source) hash.update(part)
  return hash.digest('hex')
}

describe('zlib, fs and http', () => {
  const session = Session.forSuite()
  let expected: string
  before(async () => {
    expected = createHash('sha256')
      .update(await readFile(file))
      .digest('hex')
  })

  it('a file, compressed on the way in, plain again in another file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vineyard-libraries-'))
    try {
      const { out, into } = await session.bytes()
      const copy = join(directory, 'copy.json')
      await Promise.all([
        pipeline(createReadStream(file), createGzip(), out.createWriteStream({ chunkSize: 8192 })),
        pipeline(into.createReadStream(), createGunzip(), createWriteStream(copy))
      ])
      expect(await hashOf(createReadStream(copy))).to.equal(expected)
      expect(into.stats().chunksRead).to.be.above(3)
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  it('an upload into a stream, and a stream as the answer to a request', async () => {
    const { out, into } = await session.bytes()
    const server = createServer((incoming, response) => {
      const done =
        incoming.method === 'PUT'
          ? pipeline(incoming, out.createWriteStream()).then(() => response.end())
          : pipeline(into.createReadStream(), response)
      done.catch((error: unknown) => response.destroy(error as Error))
    }).listen(0, '127.0.0.1')
    try {
      await once(server, 'listening')
      const { port } = server.address() as AddressInfo
      const upload = request({ port, method: 'PUT' })
      const download = get({ port, agent: false })
      const answered = once(upload, 'response') as Promise<[IncomingMessage]>
      const [[answer]] = (await Promise.all([
        once(download, 'response'),
        pipeline(createReadStream(file), upload)
      ])) as [[IncomingMessage], void]
      expect(await hashOf(answer)).to.equal(expected)
      const [{ statusCode }] = await answered
      expect(statusCode).to.equal(200)
    } finally {
      server.closeAllConnections()
      server.close()
    }
  })
})
