import { finished } from 'node:stream/promises'
import { release, type TypedReadable, type TypedWritable } from 'vineyard-streams'
import { endProcesses } from '../../support/processes.js'
import { chunkOf, each, loseConsumer, loseProducer, notYet, StateMatrix } from '../../support/state-matrix.js'
import { servers } from '../../support/victims.js'
import { needsVineyard } from '../../support/vineyardd.js'
import { readerTable, writerTable } from './end-tables.js'
import { readStreamTable, writeStreamTable } from './node-stream-tables.js'
import {
  closed,
  heedErrors,
  nodeStreams,
  openReadable,
  openWaiting,
  openWritable,
  readAll,
  writeAll
} from './scenes.js'

const window = { chunks: 1 }

for (const [name, start] of Object.entries(servers)) {
  describe(`What each call does in each state, with ${name}`, function () {
    this.timeout(60_000)
    const matrix = new StateMatrix(start)

    before(function () {
      if (name !== 'the store') needsVineyard(this)
    })
    afterEach(endProcesses)
    after(() => matrix.close())

    it('of a reader', () =>
      matrix.check(
        readerTable,
        {
          open: each(async ({ scene }) => (await scene.out.openWriter()).append(chunkOf(scene.out))),
          waiting: each(async row => {
            row.subject.next().then(
              ({ value }) => release(value),
              () => {}
            )
            row.resume = () => writeAll(row.scene)
          }),
          ended: each(async ({ scene, subject }) => {
            await (await scene.out.openWriter()).finish()
            await subject.next()
          }),
          failed: each(async ({ scene }) => (await scene.out.openWriter()).fail()),
          dropped: each(({ scene }) => scene.out.drop()),
          closed: each(({ subject }) => subject.close()),
          'client closed': each(({ scene }) => scene.consumer.close()),
          'peer gone': matrix.killPeer('writer', async () => {}),
          'connection lost': each(async row => {
            await (await row.scene.out.openWriter()).append(chunkOf(row.scene.out))
            await loseConsumer([row])
          }),
          'server gone': matrix.killServer
        },
        ({ into }) => into.openReader()
      ))

    it('of a writer', () =>
      matrix.check(
        writerTable,
        {
          open: async () => {},
          waiting: each(async row => {
            const { subject, scene } = row
            await subject.append(chunkOf(scene.out))
            subject.append(chunkOf(scene.out)).catch(() => {})
            row.resume = () => readAll(scene)
          }),
          finished: each(({ subject }) => subject.finish()),
          failed: each(({ subject }) => subject.fail()),
          dropped: each(({ scene }) => scene.into.drop()),
          closed: each(({ subject }) => subject.close()),
          'client closed': each(({ scene }) => scene.producer.close()),
          'peer gone': matrix.killPeer('reader', subject =>
            Promise.allSettled([1, 2].map(() => subject.append(chunkOf())))
          ),
          'connection lost': loseProducer,
          'server gone': matrix.killServer
        },
        ({ out }) => out.openWriter(undefined, { window })
      ))

    for (const [kind, { options, source, target }] of Object.entries(nodeStreams)) {
      it(`of a read stream of a ${kind}`, () =>
        matrix.check(
          readStreamTable,
          {
            open: each(openReadable),
            waiting: each(async row => {
              heedErrors(row)
              row.subject.read()
              row.resume = () => writeAll(row.scene)
            }),
            ended: each(async row => {
              await writeAll(row.scene)
              for (const chunk of await row.subject.toArray()) release(chunk)
              await closed(row.subject)
            }),
            failed: each(async row => {
              heedErrors(row)
              await (await row.scene.out.openWriter()).fail()
              await closed(row.subject.resume())
            }),
            dropped: each(async row => {
              heedErrors(row)
              await row.scene.out.drop()
              await closed(row.subject.resume())
            }),
            destroyed: each(async row => {
              row.subject.destroy()
              await closed(row.subject)
            }),
            'client closed': each(async row => {
              heedErrors(row)
              await row.scene.consumer.close()
            }),
            'peer gone': matrix.killPeer('writer', async subject => {
              subject.on('error', () => {})
              await closed(subject.resume())
            }),
            'connection lost': each(async row => {
              await openReadable(row)
              await loseConsumer([row])
            }),
            'server gone': async rows => {
              for (const row of rows) await openWaiting(row)
              await matrix.killServer(rows)
            }
          },
          async (scene): Promise<TypedReadable<unknown>> => (await source(scene)).createReadStream(),
          options
        ))

      it(`of a read stream of a ${kind} before it opens`, () =>
        matrix.check(
          readStreamTable,
          {
            'before open': each(async row => {
              const from = await source(row.scene)
              row.late = () => from.createReadStream().on('error', () => {})
              row.resume = () => writeAll(row.scene)
            })
          },
          notYet,
          options
        ))

      it(`of a write stream of a ${kind} before it opens`, () =>
        matrix.check(
          writeStreamTable,
          {
            'before open': each(async row => {
              const to = await target(row.scene)
              row.late = () => to.createWriteStream({ window }).on('error', () => {})
              row.resume = () => readAll(row.scene)
            })
          },
          notYet,
          options
        ))

      it(`of a write stream of a ${kind}`, () =>
        matrix.check(
          writeStreamTable,
          {
            open: each(async row => {
              await openWritable(row)
              row.resume = () => readAll(row.scene)
            }),
            waiting: each(async row => {
              await openWritable(row)
              row.subject.write(chunkOf(row.scene.out))
              row.resume = () => readAll(row.scene)
            }),
            finished: each(async ({ subject }) => finished(subject.end())),
            failed: each(async row => {
              await openWritable(row)
              await (await row.scene.into.openReader()).close()
              row.subject.write(chunkOf(row.scene.out))
              await closed(row.subject)
            }),
            dropped: each(async row => {
              await openWritable(row)
              await row.scene.into.drop()
              row.subject.write(chunkOf(row.scene.out))
              await closed(row.subject)
            }),
            destroyed: each(async ({ subject }) => {
              subject.destroy()
              await closed(subject)
            }),
            'client closed': each(async row => {
              await openWritable(row)
              await row.scene.producer.close()
              await closed(row.subject)
            }),
            'peer gone': async rows => {
              for (const row of rows) await openWritable(row)
              await matrix.killPeer<TypedWritable<unknown>>('reader', closed)(rows)
            },
            'connection lost': each(async row => {
              await openWritable(row)
              await loseProducer([row])
              row.resume = () => readAll(row.scene)
            }),
            'server gone': async rows => {
              for (const row of rows) await openWritable(row)
              await matrix.killServer(rows)
              await Promise.all(rows.map(({ subject }) => closed(subject)))
            }
          },
          async (scene): Promise<TypedWritable<unknown>> =>
            (await target(scene)).createWriteStream({ window }),
          options
        ))
    }
  })
}
