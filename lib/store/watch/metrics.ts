import type { Gauge } from 'prom-client'
import type { StoreSnapshot, StreamSnapshot } from '../../protocol/snapshot.js'
import type { Pages } from './endpoint.js'

/** No more streams than this have metrics of their own: each is a time series that Prometheus keeps. */
const maxStreams = 500

/** `/metrics` in Prometheus' text format. Every number is read when it is asked for. */
export async function metricsPages(snapshot: () => StoreSnapshot): Promise<Pages> {
  const { Counter, Gauge, Registry } = await import('prom-client')
  const registry = new Registry()
  let now = snapshot()
  const registers = [registry]
  const prefix = 'vineyard_store_'
  const gauge = <L extends string>(
    name: string,
    help: string,
    labelNames: L[],
    set: (gauge: Gauge<L>) => void
  ): void => {
    new Gauge({
      name: prefix + name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        set(this)
      }
    })
  }
  const total = (name: string, help: string, value: () => number): void => {
    new Counter({
      name: prefix + name,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(value())
      }
    })
  }

  gauge('memory_limit_bytes', 'Shared memory of the store', [], g => g.set(now.memory.limit))
  gauge(
    'memory_bytes',
    'Shared memory in blobs; leased by readers, kept for foreign readers',
    ['state'],
    g => {
      for (const state of ['used', 'leased', 'kept'] as const) g.set({ state }, now.memory[state])
    }
  )
  gauge('objects', 'What the store holds', ['kind'], g => {
    for (const kind of ['blobs', 'objects', 'names', 'streams'] as const) g.set({ kind }, now.counts[kind])
  })
  gauge('waiting_requests', 'Requests that wait for something', ['for'], g => {
    for (const what of ['objects', 'memory', 'chunks'] as const) g.set({ for: what }, now.waiting[what])
  })
  gauge('connections', 'Open connections', ['transport'], g => {
    const unix = now.connections.filter(({ pid }) => pid !== undefined).length
    g.set({ transport: 'unix' }, unix)
    g.set({ transport: 'tcp' }, now.connections.length - unix)
  })
  total('requests_total', 'Requests that were handled', () => now.totals.requests)
  total('request_errors_total', 'Requests that were answered with an error at once', () => now.totals.errors)
  total('chunks_written_total', 'Chunks that came into streams', () => now.totals.chunksWritten)
  total('chunks_read_total', 'Chunks that readers took', () => now.totals.chunksRead)
  total('bytes_written_total', 'Bytes that came into streams', () => now.totals.bytesWritten)
  total('bytes_read_total', 'Bytes that readers took', () => now.totals.bytesRead)

  const labels = ['stream', 'name', 'type']
  const perStream = (name: string, help: string, value: (stream: StreamSnapshot) => number): void => {
    gauge(`stream_${name}`, help, labels, g => {
      for (const stream of now.streams.slice(0, maxStreams)) {
        const type = stream.typename.replace('vineyard::', '')
        g.set({ stream: stream.id, name: stream.name ?? '', type }, value(stream))
      }
    })
  }
  perStream('waiting_chunks', 'Chunks of a stream that nobody has pulled', stream => stream.waiting)
  perStream('waiting_bytes', 'Bytes in them', stream => stream.waitingBytes)
  perStream('held_chunks', 'Chunks that its reader has not left behind', stream => stream.held)
  perStream('read_chunks', 'Chunks that its reader has taken', stream => stream.chunksRead)

  return {
    '/metrics': (_request, response) => {
      now = snapshot()
      registry.metrics().then(
        text => void response.writeHead(200, { 'content-type': registry.contentType }).end(text),
        (error: unknown) => void response.writeHead(500).end(`${String(error)}\n`)
      )
    }
  }
}
