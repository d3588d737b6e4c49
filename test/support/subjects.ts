import { connect, Store, type Client } from 'vineyard-streams'
import { needsVineyard, Vineyardd } from './vineyardd.js'

/** A server that a suite runs on. */
export interface Server {
  readonly socket: string
  close(): Promise<void>
}

export interface Subject {
  readonly name: string
  /** Whether the server is this package's store, which promises more than a vineyardd. */
  readonly store: boolean
  start(size?: string): Promise<Server>
  connect(server: Server): Promise<Client>
}

const embedded: Subject = {
  name: 'the embedded store',
  store: true,
  start: (size = '256Mi') => Store.start({ size }),
  connect: server => connect(server.socket)
}

/** The store as every other client sees it. */
const embeddedStandard: Subject = {
  ...embedded,
  name: 'the embedded store without extensions',
  connect: server => connect(server.socket, { extensions: false } as object)
}

const vineyardd: Subject = {
  name: 'vineyardd 0.24.2',
  store: false,
  start: size => Vineyardd.start(size),
  connect: server => connect(server.socket)
}

/** What a test of a suite works with: a server shared by the suite, and clients closed after each test. */
export class Bench {
  server!: Server
  readonly #clients: Client[] = []

  constructor(readonly subject: Subject) {}

  async client(): Promise<Client> {
    const client = await this.subject.connect(this.server)
    this.#clients.push(client)
    return client
  }

  async closeClients(): Promise<void> {
    await Promise.all(this.#clients.splice(0).map(client => client.close()))
  }
}

/** Declares a suite once for every server. */
export function onEachServer(title: string, size: string, suite: (bench: Bench) => void): void {
  for (const subject of [embedded, embeddedStandard, vineyardd]) {
    describe(`${title} on ${subject.name}`, () => {
      const bench = new Bench(subject)
      before(async function () {
        if (!subject.store) needsVineyard(this)
        bench.server = await subject.start(size)
      })
      afterEach(() => bench.closeClients())
      after(() => bench.server?.close())
      suite(bench)
    })
  }
}
