import {
  ByteStream,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  StreamCollection,
  type StreamReader,
  type StreamWriter
} from 'vineyard-streams'
import { endProcesses } from '../../support/processes.js'
import { chunkOf, each, StateMatrix, type Column, type SceneOptions } from '../../support/state-matrix.js'
import type { Table } from '../../support/outcome.js'
import { servers } from '../../support/victims.js'
import { needsVineyard } from '../../support/vineyardd.js'
import { clientTable } from './client-table.js'
import { readerTable, writerTable } from './end-tables.js'
import { readStreamTable, writeStreamTable } from './node-stream-tables.js'
import { clientSceneOf, groupOf, heedErrors, nodeStreams, openWritable } from './scenes.js'
import {
  resumableWriterTable,
  resumingReaderTable,
  sharedReaderTable,
  sharedWriterTable
} from './shared-tables.js'
import { groupTable, streamTable } from './stream-tables.js'

const state = 'server silent'
const window = { chunks: 1 }
const open = async (): Promise<void> => {}

/** A column with the type of its subjects, which a list of several cannot have. */
const column = <Subject>(one: Column<Subject>): Column<any> => one

/** Readers and writers, of streams of one kind. */
const ends = (
  readers: Table<any, StreamReader>,
  writers: Table<any, StreamWriter>,
  options: SceneOptions
): Column<any>[] => [
  column({ table: readers, state, enter: open, subjectOf: ({ into }) => into.openReader(), options }),
  column({
    table: readers,
    state: `waiting, ${state}`,
    enter: each(({ subject }) => void subject.next().catch(() => {})),
    subjectOf: ({ into }) => into.openReader(),
    options
  }),
  column({ table: writers, state, enter: open, subjectOf: ({ out }) => out.openWriter(), options }),
  column({
    table: writers,
    state: `waiting, ${state}`,
    enter: each(async ({ subject, scene }) => {
      await subject.append(chunkOf(scene.out))
      subject.append(chunkOf(scene.out)).catch(() => {})
    }),
    subjectOf: ({ out }) => out.openWriter(undefined, { window }),
    options
  })
]

/** What both servers have. */
const common: Column<any>[] = [
  column({ table: clientTable, state, enter: open, subjectOf: clientSceneOf }),
  ...[RecordBatchStream, ByteStream, DataframeStream].map(type =>
    column({ table: streamTable, state, enter: open, subjectOf: ({ out }) => out, options: { type } })
  ),
  ...[ParallelStream, StreamCollection].map(kind =>
    column({ table: groupTable, state, enter: open, subjectOf: scene => groupOf(kind, scene) })
  ),
  ...ends(readerTable, writerTable, {}),
  ...Object.values(nodeStreams).flatMap(({ source, target, options }) => [
    column({
      table: readStreamTable,
      state,
      enter: each(row => {
        heedErrors(row)
        row.subject.read()
      }),
      subjectOf: async scene => (await source(scene)).createReadStream(),
      options
    }),
    column({
      table: writeStreamTable,
      state,
      enter: each(openWritable),
      subjectOf: async scene => (await target(scene)).createWriteStream({ window }),
      options
    })
  ])
]

const shared = [
  ...ends(sharedReaderTable, sharedWriterTable, { create: { consumers: 2 } }),
  ...ends(resumingReaderTable, resumableWriterTable, { create: { resumable: true } })
]

for (const [name, start] of Object.entries(servers)) {
  describe(`What each call does when ${name} is silent`, () => {
    const matrix = new StateMatrix(start)

    before(function () {
      if (name !== 'the store') needsVineyard(this)
    })
    afterEach(endProcesses)
    after(() => matrix.close())

    it('of everything', () => matrix.checkSilent(name === 'the store' ? [...common, ...shared] : common))
  })
}
