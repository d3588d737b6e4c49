import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import {
  ByteStream,
  connect,
  RecordBatchStream,
  type Client,
  type CreateStreamOptions,
  type VineyardStream
} from 'vineyard-streams'
import { loseConnection } from './lost-connection.js'
import { numberedBatch } from './numbered.js'
import { outcome, type Table } from './outcome.js'
import { TestProcess } from './processes.js'
import { silence } from './silence.js'
import { kill, type Victim } from './victims.js'

/** The `timeout` of the clients of a server that falls silent, in ms. */
const clientTimeout = 1000
/** What a silent server has not ended by then waits: longer than the timeout, and where no waiting is expected as closing may take. */
const waitsAfter = { expected: 3000, unexpected: 5000 }
/** What has not ended by then hangs. */
const watchdogMs = 10_000

type AnyStream = VineyardStream<any, any, any>

/** Two clients of a server, and a stream between them. */
export interface Scene {
  producer: Client
  consumer: Client
  out: AnyStream
  into: AnyStream
  /** An object and a name that the producer has put. */
  object: string
  name: string
}

/** What kind of stream is between the two. */
export interface SceneOptions {
  type?: {
    create(client: Client, options?: CreateStreamOptions): Promise<AnyStream>
    open(client: Client, id: string): Promise<AnyStream>
  }
  create?: CreateStreamOptions
}

/** One operation of a table about to be tried. */
export interface Row<Subject> {
  scene: Scene
  subject: Subject
  /** Makes the subject in the very turn in which the operation is called. */
  late?: () => Subject
  /** Lets the waits of this row end, after the operation was called. */
  resume?: () => Promise<unknown>
}

/** Brings the subjects of all rows into a state. */
export type Enter<Subject> = (rows: Row<Subject>[]) => Promise<unknown>

/** A table whose subjects are in one state. */
export interface Column<Subject> {
  table: Table<string, Subject>
  state: string
  enter: Enter<Subject>
  subjectOf: (scene: Scene) => Promise<Subject> | Subject
  options?: SceneOptions
}

export function each<Subject>(enter: (row: Row<Subject>) => Promise<unknown> | void): Enter<Subject> {
  return async rows => {
    for (const row of rows) await enter(row)
  }
}

export const loseProducer: Enter<unknown> = each(({ scene }) => loseConnection(scene.producer))
export const loseConsumer: Enter<unknown> = each(({ scene }) => loseConnection(scene.consumer))

/** Where rows make their subjects `late`. */
export const notYet = (): never => undefined as never

/** A chunk of what a stream takes. */
export function chunkOf(stream?: AnyStream): unknown {
  return stream instanceof ByteStream ? Buffer.alloc(4096) : numberedBatch(0, 4096)
}

/** Tries every operation of a table in a state, and compares what came of it with what the table says. */
export class StateMatrix {
  readonly #start: () => Promise<Victim>
  #server: Victim | undefined
  #names = 0

  constructor(start: () => Promise<Victim>) {
    this.#start = start
  }

  async close(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    await kill(server)
    await server.close()
  }

  readonly killServer: Enter<unknown> = () => kill(this.#server!)

  /**
   * Another process takes the other end of all streams, and is killed. `notice` waits until it has been noticed. Of a group
   * `streamsOf` tells the streams.
   */
  killPeer<Subject>(
    end: 'reader' | 'writer',
    notice: (subject: Subject) => Promise<unknown>,
    streamsOf: (row: Row<Subject>) => readonly AnyStream[] = ({ scene }) => [scene.out]
  ): Enter<Subject> {
    return async rows => {
      const streams = rows.flatMap(row => streamsOf(row).map(({ id }) => id))
      const peer = new TestProcess('taker', { socket: this.#server!.socket, end, streams })
      await peer.next()
      await peer.kill()
      await Promise.all(rows.map(({ subject }) => notice(subject)))
    }
  }

  /** Every operation in every state; all that differs is told at once. */
  async check<State extends string, Subject>(
    table: Table<State, Subject>,
    states: Partial<Record<State, Enter<Subject>>>,
    subjectOf: (scene: Scene) => Promise<Subject> | Subject,
    options?: SceneOptions
  ): Promise<void> {
    const seen: Record<string, string> = {}
    const wanted: Record<string, string> = {}
    for (const [state, enter] of Object.entries(states) as [State, Enter<Subject>][]) {
      const column: Column<Subject> = { table, state, enter, subjectOf, ...(options && { options }) }
      const rows = await this.#rows(column)
      await enter(rows)
      for (const [index, [operation, [run, outcomes]]] of Object.entries(table).entries()) {
        const { scene, subject, late, resume } = rows[index]!
        const coming = outcome(() => run(late?.() ?? subject))
        const resumed = resume?.().catch(() => {})
        const came = await within(coming, watchdogMs, 'does not end')
        compare(`${operation} when ${state}`, came, outcomes[state])
        await Promise.all([scene.producer.close(), scene.consumer.close(), resumed])
      }
    }
    expect(seen).to.deep.equal(wanted)

    function compare(cell: string, came: string, outcomes: string): void {
      seen[cell] = came
      wanted[cell] = oneOf(came, outcomes)
    }
  }

  /**
   * All of these on a server that is stopped when each is in its state, at once, because some take as long as a client
   * waits. What does not end is ended by closing the clients.
   */
  async checkSilent(columns: readonly Column<any>[]): Promise<void> {
    const seen: Record<string, string> = {}
    const wanted: Record<string, string> = {}
    const tries: [cell: string, row: Row<unknown>, run: (subject: unknown) => Promise<unknown>, string][] = []
    for (const column of columns) {
      const rows = await this.#rows(column, { timeout: clientTimeout })
      await column.enter(rows)
      for (const [index, [operation, [run, outcomes]]] of Object.entries(column.table).entries()) {
        const cell = `${operation} when ${column.state}, ${tries.length}`
        tries.push([cell, rows[index]!, run, outcomes[column.state]!])
      }
    }
    silence(this.#server!)
    await Promise.all(
      tries.map(async ([cell, { scene, subject }, run, outcomes]) => {
        const coming = outcome(() => run(subject))
        const patience = outcomes.includes('waits') ? waitsAfter.expected : waitsAfter.unexpected
        let came = await within(coming, patience, 'waits')
        const closed = Promise.all([scene.producer.close(), scene.consumer.close()])
        if (came === 'waits') came += `, then ${await within(coming, watchdogMs, 'does not end')}`
        seen[cell] = came
        wanted[cell] = oneOf(came, outcomes)
        if ((await within(closed, watchdogMs, 'hangs')) === 'hangs') seen[cell] += ', and the client hangs'
      })
    )
    await kill(this.#server!)
    expect(seen).to.deep.equal(wanted)
  }

  async #rows<Subject>(
    { table, subjectOf, options = {} }: Column<Subject>,
    connecting: { timeout?: number } = {}
  ): Promise<Row<Subject>[]> {
    const rows: Row<Subject>[] = []
    for (let left = Object.keys(table).length; left > 0; left -= 1) {
      const scene = await this.#makeScene(options, connecting)
      rows.push({ scene, subject: await subjectOf(scene) })
    }
    return rows
  }

  async #makeScene(
    { type = RecordBatchStream, create = {} }: SceneOptions,
    connecting: { timeout?: number }
  ): Promise<Scene> {
    // One server serves until a state kills it.
    if (this.#server?.process.signalCode !== null) {
      await this.#server?.close()
      this.#server = await this.#start()
    }
    const { socket } = this.#server
    const [producer, consumer] = [await connect(socket, connecting), await connect(socket, connecting)]
    const out = await type.create(producer, create)
    const object = await producer.put('named')
    const name = `states/${(this.#names += 1)}`
    await producer.persist(object)
    await producer.putName(object, name)
    return { producer, consumer, out, into: await type.open(consumer, out.id), object, name }
  }
}

/** What is wanted: what came, if that is one of the documented outcomes. */
function oneOf(came: string, outcomes: string): string {
  return outcomes.split(' | ').includes(came) ? came : outcomes
}

async function within<T>(coming: Promise<T>, ms: number, otherwise: string): Promise<T | string> {
  const watchdog = new AbortController()
  const late = delay(ms, otherwise, { signal: watchdog.signal }).catch(() => otherwise)
  const came = await Promise.race([coming, late])
  watchdog.abort()
  return came
}
