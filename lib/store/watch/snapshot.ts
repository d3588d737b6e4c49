import type {
  ConnectionSnapshot,
  ObjectSnapshot,
  StoreSnapshot,
  StreamSnapshot
} from '../../protocol/snapshot.js'
import type { Engine } from '../engine.js'
import type { Peer } from '../peer.js'
import type { ObjectRecord } from '../object-record.js'
import type { Stream } from '../streams/stream.js'

/** Everything there is to see of a store now. Looks at each stream and connection, and changes nothing. */
export function takeSnapshot(engine: Engine, withObjects: boolean): StoreSnapshot {
  const { blobs, metadata, compact, names, streams, memory, objectWaits, nameWaits, peers, requests } = engine
  const all = streams.table.all()
  const seen = all.map(stream => streamSnapshot(stream, engine))
  const { past } = streams.table
  const total = (key: 'chunksWritten' | 'bytesWritten' | 'chunksRead' | 'bytesRead'): number =>
    seen.reduce((sum, stream) => sum + stream[key], past[key])
  return {
    time: Date.now(),
    memory: {
      limit: blobs.limit,
      used: blobs.usage,
      leased: blobs.leasedBytes,
      kept: blobs.keptBytes
    },
    counts: {
      blobs: blobs.count,
      objects: metadata.count + compact.count,
      names: names.count,
      streams: streams.table.count
    },
    waiting: {
      objects: objectWaits.length + nameWaits.length,
      memory: memory.length,
      chunks: all.filter(isPulled).length
    },
    totals: {
      requests: requests.handled,
      errors: requests.refused,
      chunksWritten: total('chunksWritten'),
      bytesWritten: total('bytesWritten'),
      chunksRead: total('chunksRead'),
      bytesRead: total('bytesRead')
    },
    streams: seen,
    connections: [...peers].map(connectionSnapshot),
    ...(withObjects ? { objects: objectSnapshots(engine) } : {})
  }
}

function streamSnapshot(stream: Stream, { metadata }: Engine): StreamSnapshot {
  const record = metadata.peek(stream.id)
  const { ready, held } = stream.slowest
  return {
    id: stream.id,
    typename: record?.typename ?? '',
    name: nameOf(record),
    state: stream.ended === 'drained' ? 'finished' : (stream.ended ?? 'open'),
    reason: stream.ended === 'failed' ? stream.reason : undefined,
    waiting: ready.length,
    waitingBytes: ready.sum(({ bytes }) => bytes),
    held: held.length,
    missed: stream.seats.reduce((sum, { missed }) => sum + missed, 0),
    ...stream.totals(),
    readers: stream.seats.flatMap(({ readers }) => [...readers].map(({ number }) => number)),
    writers: [...stream.writers].map(({ number }) => number),
    blocked: isPulled(stream) ? 'reader' : stream.allocation ? 'writer' : undefined
  }
}

function isPulled({ seats }: Stream): boolean {
  return seats.some(({ puller }) => puller !== undefined)
}

function connectionSnapshot(peer: Peer): ConnectionSnapshot {
  let leases = 0
  let leasedBytes = 0
  for (const { blob, count } of peer.leases.values()) {
    leases += count
    leasedBytes += blob.size
  }
  let keptBytes = 0
  for (const { size } of new Set([...peer.kept].map(({ owner }) => owner))) keptBytes += size
  return { number: peer.number, pid: peer.pid, extended: peer.extension > 0, leases, leasedBytes, keptBytes }
}

function objectSnapshots({ metadata, streams, peers }: Engine): ObjectSnapshot[] {
  const holders = new Map<string, Set<number>>()
  for (const { leases, pid } of peers) {
    if (pid === undefined) continue
    for (const id of leases.keys()) holders.set(id, (holders.get(id) ?? new Set()).add(pid))
  }
  return [...metadata.all()]
    .filter(record => record.owners.size === 0 && streams.table.find(record.id) === undefined)
    .map(record => ({
      id: record.id,
      typename: record.typename,
      bytes: record.bytes,
      name: nameOf(record),
      persistent: record.transient === false,
      holders: [...new Set(blobsBelow(record).flatMap(id => [...(holders.get(id) ?? [])]))]
    }))
}

function blobsBelow(record: ObjectRecord): string[] {
  return [...record.blobs, ...record.members.flatMap(blobsBelow)]
}

/** A name is kept the way a path in a JSON tree is written. */
function nameOf(record: ObjectRecord | undefined): string | undefined {
  return record?.stringField('__name')?.replaceAll('~1', '/').replaceAll('~0', '~')
}
