import { once } from 'node:events'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Worker } from 'node:worker_threads'
import {
  ByteStream,
  DataframeStream,
  ParallelStream,
  RecordBatchStream,
  Store,
  StreamCollection,
  type Client,
  type VineyardStream
} from 'vineyard-streams'
import { expect } from 'chai'
import { outcome } from '../../support/outcome.js'
import { endProcesses } from '../../support/processes.js'
import { each, loseProducer, StateMatrix } from '../../support/state-matrix.js'
import { servers } from '../../support/victims.js'
import { needsVineyard } from '../../support/vineyardd.js'
import { clientTable } from './client-table.js'
import { clientSceneOf, groupOf, readAll, writeAll } from './scenes.js'
import { storeStates, storeTable } from './store-table.js'
import { groupTable, streamTable, type Group } from './stream-tables.js'

for (const [name, start] of Object.entries(servers)) {
  describe(`What each call does in each state, with ${name}`, () => {
    const matrix = new StateMatrix(start)

    before(function () {
      if (name !== 'the store') needsVineyard(this)
    })
    afterEach(endProcesses)
    after(() => matrix.close())

    it('of a client', () =>
      matrix.check(
        clientTable,
        {
          open: async () => {},
          waiting: each(({ scene }) => {
            scene.producer.getName('never', { wait: true }).catch(() => {})
          }),
          closed: each(({ scene }) => scene.producer.close()),
          'connection lost': loseProducer,
          'server gone': matrix.killServer
        },
        clientSceneOf
      ))

    for (const type of [RecordBatchStream, ByteStream, DataframeStream]) {
      it(`of a ${type.name}`, () =>
        matrix.check(
          streamTable,
          {
            open: async () => {},
            'both ends taken': each(async ({ scene }) => [
              await scene.into.openReader(),
              await scene.into.openWriter()
            ]),
            ended: each(async ({ scene }) => {
              await writeAll(scene)
              await readAll(scene)
            }),
            failed: each(async ({ scene }) => (await scene.into.openWriter()).fail()),
            dropped: each(({ scene }) => scene.into.drop()),
            'client closed': each(({ scene }) => scene.producer.close()),
            'peer gone': matrix.killPeer('reader', async () => {}),
            'connection lost': loseProducer,
            'server gone': matrix.killServer
          },
          ({ out }): VineyardStream<any, any, any> => out,
          { type }
        ))
    }

    for (const kind of [ParallelStream, StreamCollection]) {
      const theSame = ({ consumer }: { consumer: Client }, { id }: Group): Promise<Group> => consumer.get(id)
      it(`of a ${kind.name}`, () =>
        matrix.check(
          groupTable,
          {
            open: async () => {},
            'both ends taken': each(async ({ scene, subject }) => {
              const [member] = (await theSame(scene, subject)).streams
              await Promise.all([member.openReader(), member.openWriter()])
            }),
            ended: each(async ({ scene, subject }) => {
              const { streams } = await theSame(scene, subject)
              for (const into of streams) await writeAll({ out: into })
              for (const into of streams) await readAll({ into })
            }),
            failed: each(async ({ scene, subject }) => {
              const [member] = (await theSame(scene, subject)).streams
              await (await member.openWriter()).fail()
            }),
            dropped: each(async ({ scene, subject }) => (await theSame(scene, subject)).drop()),
            'client closed': each(({ scene }) => scene.producer.close()),
            'peer gone': matrix.killPeer(
              'reader',
              async () => {},
              ({ subject }) => subject.streams.slice(0, 1)
            ),
            'connection lost': loseProducer,
            'server gone': matrix.killServer
          },
          scene => groupOf(kind, scene)
        ))
    }
  })
}

it('What each call of a store does in each state', async () => {
  const seen: Record<string, string> = {}
  const wanted: Record<string, string> = {}
  for (const state of storeStates) {
    for (const [operation, [run, outcomes]] of Object.entries(storeTable)) {
      const directory = mkdtempSync(join(tmpdir(), 'vineyard-streams-'))
      const created = once(process, 'worker')
      const store = await Store.start({ size: '1Mi', socket: join(directory, 'socket') })
      const [thread] = (await created) as [Worker]
      if (state === 'thread gone') await thread.terminate()
      else if (state !== 'open') {
        const closing = store.close()
        if (state === 'closed') await closing
      }
      const cell = `${operation} when ${state}`
      const came = await outcome(() => run(store))
      seen[cell] = came
      wanted[cell] = outcomes[state].split(' | ').includes(came) ? came : outcomes[state]
      await store.close()
      rmdirSync(directory)
    }
  }
  expect(seen).to.deep.equal(wanted)
})
