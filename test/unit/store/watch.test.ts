import { expect } from 'chai'
import { get } from 'node:http'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { ByteStream, connect, Store, type Client } from 'vineyard-streams'
import { storeSnapshot } from '#dist/client/requests/status.js'
import { rejection } from '../../support/rejection.js'

/** A page with headers of one's own, as no browser would send them. */
async function page(url: string, headers: Record<string, string>): Promise<number | undefined> {
  const [response] = (await once(get(url, { headers }), 'response')) as [IncomingMessage]
  response.resume()
  return response.statusCode
}

describe('Watching a store', () => {
  let store: Store
  let client: Client

  before(async () => {
    store = await Store.start({ size: '8Mi', metrics: {}, ui: {} })
    client = await connect(store.socket)
  })
  after(async () => {
    await client.close()
    await store.close()
  })

  /** One chunk left behind, one held, one waiting. */
  async function threeChunks(name: string): Promise<{ stream: ByteStream; close: () => Promise<void> }> {
    const stream = await ByteStream.create(client, { name })
    const writer = await stream.openWriter()
    for (const size of [100, 20, 3]) await writer.append(Buffer.alloc(size))
    const reader = await stream.openReader()
    await reader.nextId()
    await reader.nextId()
    return {
      stream,
      async close() {
        await reader.close()
        await writer.close()
      }
    }
  }

  it('tells of streams, connections and objects, and changes nothing', async () => {
    const { stream, close } = await threeChunks('a/b~c')
    const id = await client.put([1, 'two'])
    const { connection } = (client as any).core
    const snapshot = await storeSnapshot(connection, true)
    const [seen] = snapshot.streams
    expect(snapshot.streams).to.have.length(1)
    expect(seen).to.include({ id: stream.id, typename: 'vineyard::ByteStream', name: 'a/b~c', state: 'open' })
    expect(seen).to.include({ chunksWritten: 3, bytesWritten: 123 })
    expect((seen?.waiting ?? 0) + (seen?.chunksRead ?? 0)).to.equal(3)
    const numbers = snapshot.connections.map(({ number }) => number)
    expect(numbers).to.include.members([...(seen?.readers ?? []), ...(seen?.writers ?? [])])
    expect(new Set(snapshot.connections.map(({ pid }) => pid))).to.deep.equal(new Set([process.pid]))
    expect(snapshot.objects?.map(object => object.id)).to.deep.equal([id])
    expect(snapshot.objects?.[0]).to.include({ persistent: false }).and.not.have.property('name')
    expect(snapshot.memory).to.include({ limit: 8 * 2 ** 20, used: (await store.status()).memoryUsage })
    const { counts } = await storeSnapshot(connection, true)
    expect(counts).to.deep.equal(snapshot.counts)
    await close()
    await client.delete(id)
  })

  it('says of a stream that is written to its end that it is finished, as ls does', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    await writer.append(Buffer.from('left'))
    await writer.finish()
    const { streams } = await storeSnapshot((client as any).core.connection, false)
    expect(streams.map(({ state }) => state)).to.deep.equal(['finished'])
    await stream.drop()
  })

  it('counts what went through streams that are gone', async () => {
    const { connection } = (client as any).core
    const before = (await storeSnapshot(connection, false)).totals
    const { close } = await threeChunks('gone')
    await close()
    const { totals, streams } = await storeSnapshot(connection, false)
    expect(streams).to.deep.equal([])
    expect(totals.chunksWritten - before.chunksWritten).to.equal(3)
    expect(totals.bytesWritten - before.bytesWritten).to.equal(123)
    expect(totals.requests).to.be.above(before.requests)
  })

  it('gives Prometheus its metrics', async () => {
    const { stream, close } = await threeChunks('measured')
    const response = await fetch(store.metricsUrl as string)
    expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/)
    const text = await response.text()
    expect(text).to.contain(`vineyard_store_memory_limit_bytes ${8 * 2 ** 20}\n`)
    expect(text).to.match(/^vineyard_store_chunks_written_total \d+$/m)
    expect(text).to.match(/^# TYPE vineyard_store_requests_total counter$/m)
    expect(text).to.contain(
      `vineyard_store_stream_held_chunks{stream="${stream.id}",name="measured",type="ByteStream"}`
    )
    await close()
    expect(await (await fetch(store.metricsUrl as string)).text()).not.to.contain('measured')
  })

  it('feeds its page with events while somebody looks', async () => {
    const url = store.uiUrl as string
    expect(new URL(url).hostname).to.equal('127.0.0.1')
    const html = await (await fetch(url)).text()
    for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
      expect((await fetch(new URL(path as string, url))).status).to.equal(200)
    }
    const leaving = new AbortController()
    const response = await fetch(new URL('/events', url), { signal: leaving.signal })
    expect(response.headers.get('content-type')).to.equal('text/event-stream')
    let text = ''
    for await (const part of response.body!.pipeThrough(new TextDecoderStream() as any)) {
      text += String(part)
      if (text.split('\n\n').length > 2) break
    }
    leaving.abort()
    const events = text
      .trim()
      .split('\n\n')
      .map(event => JSON.parse(event.replace(/^data: /, '')))
    expect(events).to.have.length(2)
    expect(events[1].time).to.be.above(events[0].time)
    expect(events[0].memory.limit).to.equal(8 * 2 ** 20)
  })

  it('answers nobody who comes by another name, or from another site', async () => {
    for (const url of [store.uiUrl, store.metricsUrl] as string[]) {
      expect(await page(url, { host: 'evil.example' })).to.equal(403)
      expect(await page(url, { 'sec-fetch-site': 'cross-site' })).to.equal(403)
      expect(await page(url, {})).to.equal(200)
      expect((await fetch(url, { method: 'POST' })).status).to.equal(405)
      expect((await fetch(new URL('/nothing', url))).status).to.equal(404)
    }
  })

  it('says what is wrong with its options, and leaves nothing when a port is taken', async () => {
    expect(await rejection(Store.start({ metrics: { port: 70000 } }))).to.have.property(
      'code',
      'ERR_OUT_OF_RANGE'
    )
    expect(await rejection(Store.start({ ui: { host: '0.0.0.0' } as object }))).to.have.property(
      'code',
      'ERR_INVALID_ARG_VALUE'
    )
    const { port } = new URL(store.uiUrl as string)
    const error = await rejection(Store.start({ size: '1Mi', ui: { port: Number(port) } }))
    expect(error).to.have.property('code', 'ERR_VINEYARD_EXISTS')
  })

  it('shows other machines its metrics only with user name and password', async () => {
    const everywhere = { size: '1Mi', metrics: { host: '0.0.0.0' } }
    expect((await rejection(Store.start(everywhere))).code).to.equal('ERR_INVALID_ARG_VALUE')
    const guarded = await Store.start({ ...everywhere, username: 'u', password: 'p:q' })
    const url = (guarded.metricsUrl as string).replace('0.0.0.0', '127.0.0.1')
    const basic = (text: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(text).toString('base64')}`
    })
    expect(await page(url, {})).to.equal(401)
    for (const wrong of ['u:p', 'u', ':', 'x:p:q']) expect(await page(url, basic(wrong))).to.equal(401)
    expect(await page(url, basic('u:p:q'))).to.equal(200)
    await guarded.close()
  })
})
