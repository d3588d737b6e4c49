import { release, type StreamReader, type StreamWriter } from 'vineyard-streams'
import { endProcesses } from '../../support/processes.js'
import {
  chunkOf,
  each,
  loseConsumer,
  loseProducer,
  notYet,
  StateMatrix,
  type Enter,
  type Row,
  type Scene
} from '../../support/state-matrix.js'
import { eventually } from '../../support/settling.js'
import { servers } from '../../support/victims.js'
import { readAll, writeAll } from './scenes.js'
import {
  resumableWriterTable,
  resumingReaderTable,
  seatTable,
  sharedReaderTable,
  sharedWriterTable
} from './shared-tables.js'

const consumers = 2

describe('What each call does in each state, of streams that only the store has', function () {
  this.timeout(60_000)
  const matrix = new StateMatrix(servers['the store']!)

  afterEach(endProcesses)
  after(() => matrix.close())

  async function appendOne({ scene }: Row<unknown>): Promise<void> {
    await (await scene.out.openWriter()).append(chunkOf())
  }

  /** The states that readers of all streams can be in. */
  const readerStates = {
    open: each(appendOne) as Enter<StreamReader>,
    waiting: each<StreamReader>(async row => {
      row.subject.next().then(
        ({ value }) => release(value),
        () => {}
      )
      row.resume = () => writeAll(row.scene)
    }),
    ended: each<StreamReader>(async ({ scene, subject }) => {
      await (await scene.out.openWriter()).finish()
      await subject.next()
    }),
    failed: each<StreamReader>(async ({ scene }) => (await scene.out.openWriter()).fail()),
    dropped: each<StreamReader>(({ scene }) => scene.out.drop()),
    closed: each<StreamReader>(({ subject }) => subject.close()),
    'client closed': each<StreamReader>(({ scene }) => scene.consumer.close()),
    'peer gone': matrix.killPeer<StreamReader>('writer', async () => {}),
    'connection lost': each<StreamReader>(async row => {
      await appendOne(row)
      await loseConsumer([row])
    }),
    'server gone': matrix.killServer
  }

  it('of a reader of several', () =>
    matrix.check(
      sharedReaderTable,
      {
        'other reader closed': each(async row => {
          await (await row.scene.into.openReader()).close()
          await appendOne(row)
        }),
        'other reader gone': async rows => {
          await matrix.killPeer('reader', async () => {})(rows)
          for (const row of rows) await appendOne(row)
        },
        ...readerStates
      },
      ({ into }) => into.openReader(),
      { create: { consumers } }
    ))

  it('of a reader that was evicted', () =>
    matrix.check(
      sharedReaderTable,
      {
        evicted: each(async ({ scene }) => {
          const writer = await scene.out.openWriter(undefined, { window: { chunks: 1 } })
          const other = await scene.into.openReader()
          const reading = (async () => {
            for await (const chunk of other) release(chunk)
          })()
          for (let count = 0; count < 3; count += 1) await writer.append(chunkOf())
          await writer.finish()
          await reading
        })
      },
      ({ into }) => into.openReader(),
      { create: { consumers, policy: 'evict' } }
    ))

  it('of a reader that may come after another', () =>
    matrix.check(resumingReaderTable, readerStates, ({ into }) => into.openReader(), {
      create: { resumable: true }
    }))

  it('of a reader that comes after another', () =>
    matrix.check(
      resumingReaderTable,
      {
        'after another': each(async row => {
          const { scene } = row
          await appendOne(row)
          const other = await scene.into.openReader()
          release((await other.next()).value)
          await other.close()
          row.subject = await scene.into.openReader()
        }),
        'after one that died': async rows => {
          await matrix.killPeer('reader', async () => {})(rows)
          for (const row of rows) {
            await appendOne(row)
            row.subject = await openWhenFree(row.scene)
          }
        }
      },
      notYet,
      { create: { resumable: true } }
    ))

  const writerStates = {
    open: async () => {},
    waiting: each<StreamWriter>(async row => {
      const { subject, scene } = row
      await subject.append(chunkOf())
      subject.append(chunkOf()).catch(() => {})
      // As many as there may be.
      row.resume = () => Promise.allSettled([1, 2].map(() => readAll(scene)))
    }),
    finished: each<StreamWriter>(({ subject }) => subject.finish()),
    failed: each<StreamWriter>(({ subject }) => subject.fail()),
    dropped: each<StreamWriter>(({ scene }) => scene.into.drop()),
    closed: each<StreamWriter>(({ subject }) => subject.close()),
    'client closed': each<StreamWriter>(({ scene }) => scene.producer.close()),
    'connection lost': loseProducer,
    'server gone': matrix.killServer
  }
  const openWriter = ({ out }: Scene): Promise<StreamWriter> =>
    out.openWriter(undefined, { window: { chunks: 1 } })
  const closeReader = async ({ scene }: Row<unknown>): Promise<void> =>
    (await scene.into.openReader()).close()

  const openReader = async ({ scene }: Row<unknown>): Promise<unknown> => scene.into.openReader()

  it('of a stream with two readers', () =>
    matrix.check(
      seatTable,
      {
        'one reader open': each(openReader),
        'both readers open': each(async row => {
          await openReader(row)
          await openReader(row)
        }),
        'one reader closed': each(closeReader),
        'both readers closed': each(async row => {
          await closeReader(row)
          await closeReader(row)
        })
      },
      ({ out }) => out,
      { create: { consumers: 2 } }
    ))

  it('of a resumable stream', () =>
    matrix.check(
      seatTable,
      {
        'resumable, reader open': each(openReader),
        'resumable, reader closed': each(closeReader),
        'resumable, ended': each(async ({ scene }) => {
          await writeAll(scene)
          await readAll(scene)
        })
      },
      ({ out }) => out,
      { create: { resumable: true } }
    ))

  it('of a writer to several', () =>
    matrix.check(
      sharedWriterTable,
      {
        'peer gone': async rows => {
          await matrix.killPeer('reader', async () => {})(rows)
          await matrix.killPeer('reader', failing)(rows)
        },
        'one reader closed': each(closeReader),
        'one reader gone': matrix.killPeer('reader', async () => {}),
        'all readers closed': each(async row => {
          await closeReader(row)
          await closeReader(row)
        }),
        ...writerStates
      },
      openWriter,
      { create: { consumers: 2 } }
    ))

  it('of a writer whose readers may come back', () =>
    matrix.check(
      resumableWriterTable,
      {
        'reader closed': each(closeReader),
        'peer gone': matrix.killPeer('reader', async () => {}),
        ...writerStates
      },
      openWriter,
      { create: { resumable: true } }
    ))
})

/** Appends until the stream fails. */
async function failing(writer: StreamWriter): Promise<void> {
  await Promise.allSettled([1, 2].map(() => writer.append(chunkOf())))
}

/** When the store has noticed that the one before has died. */
async function openWhenFree({ into }: Scene): Promise<StreamReader> {
  let reader: StreamReader | undefined
  await eventually(async () => {
    reader = await into.openReader().catch(() => undefined)
    return reader !== undefined
  }, 'the reader before to be gone')
  return reader!
}
