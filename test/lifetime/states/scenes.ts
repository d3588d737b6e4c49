import { finished } from 'node:stream/promises'
import {
  ByteStream,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  release,
  StreamCollection,
  type TypedReadable,
  type TypedWritable
} from 'vineyard-streams'
import { chunkOf, type Row, type Scene, type SceneOptions } from '../../support/state-matrix.js'
import type { ClientScene } from './client-table.js'
import type { Group } from './stream-tables.js'

/** Appends three chunks and ends the stream. */
export async function writeAll({ out }: Pick<Scene, 'out'>): Promise<void> {
  const writer = await out.openWriter()
  for (let count = 0; count < 3; count += 1) await writer.append(chunkOf(out))
  await writer.finish()
}

export async function readAll({ into }: Pick<Scene, 'into'>): Promise<void> {
  for await (const chunk of await into.openReader()) release(chunk)
}

export function closed(stream: TypedReadable<unknown> | TypedWritable<unknown>): Promise<void> {
  return finished(stream).catch(() => {})
}

/** What it has to do with an error is not what is tried. */
export function heedErrors({ subject }: Row<TypedReadable<unknown> | TypedWritable<unknown>>): void {
  subject.on('error', () => {})
}

/** Its first chunk has been written, so that it is open, and its window full. */
export async function openWritable(row: Row<TypedWritable<unknown>>): Promise<void> {
  heedErrors(row)
  await new Promise(resolve => row.subject.write(chunkOf(row.scene.out), resolve))
}

/** A chunk of it has come, and the others wait. */
export async function openReadable(row: Row<TypedReadable<unknown>>): Promise<void> {
  heedErrors(row)
  await writeAll(row.scene)
  await new Promise(resolve => row.subject.once('readable', resolve))
}

/** It has read a chunk, which shows that it is open, and waits for another one. */
export async function openWaiting(row: Row<TypedReadable<unknown>>): Promise<void> {
  heedErrors(row)
  const { out } = row.scene
  const arrives = new Promise(resolve => row.subject.once('readable', resolve))
  await (await out.openWriter()).append(chunkOf(out))
  await arrives
  release(row.subject.read())
}

const idsOn = new Map<string, ClientScene['ids']>()

/** The objects are made once on each server: a vineyardd becomes slow with their number. */
export async function clientSceneOf(scene: Scene): Promise<ClientScene> {
  const { producer } = scene
  let ids = idsOn.get(producer.address)
  if (ids === undefined) {
    const { id: bytes } = await ByteStream.create(producer)
    const { id: frames } = await DataframeStream.create(producer)
    const { id: parallel } = await groupOf(ParallelStream, scene)
    const { id: collection } = await groupOf(StreamCollection, scene)
    ids = { bytes, frames, parallel, collection }
    idsOn.set(producer.address, ids)
  }
  return { ...scene, ids }
}

export async function groupOf(
  kind: typeof ParallelStream | typeof StreamCollection,
  { producer }: Scene
): Promise<Group> {
  return kind === ParallelStream
    ? ParallelStream.create(producer, 2, RecordBatchStream)
    : StreamCollection.create(producer, [await RecordBatchStream.create(producer)])
}

interface NodeStreams {
  options: SceneOptions
  /** What the consumer reads from. */
  source: (scene: Scene) => Promise<{ createReadStream(): TypedReadable<unknown> }>
  /** What the producer writes to. */
  target: (
    scene: Scene
  ) => Promise<{ createWriteStream(options: { window: { chunks: number } }): TypedWritable<unknown> }>
}

/** Whose Node streams are not of the same classes. */
export const nodeStreams: Record<string, NodeStreams> = {
  RecordBatchStream: {
    options: {},
    source: async ({ into }) => into,
    target: async ({ out }) => out
  },
  ByteStream: {
    options: { type: ByteStream },
    source: async ({ into }) => into,
    target: async ({ out }) => out
  },
  StreamCollection: {
    options: {},
    source: ({ consumer, into }) => StreamCollection.create(consumer, [into]),
    target: ({ producer, out }) => StreamCollection.create(producer, [out])
  }
}
