import { connect, Store, type Client } from 'vineyard-streams'
import { needsVineyard, Vineyardd } from './vineyardd.js'

/** A server that a suite runs on. */
export interface Server {
  readonly socket: string
  /** tcp://host:port, where clients connect over TCP. */
  readonly endpoint?: string | undefined
  close(): Promise<void>
}

export interface Subject {
  readonly name: string
  /** Whether the server is this package's store, which promises more than a vineyardd. */
  readonly store: boolean
  /** Whether clients connect over TCP, where everything is a copy. */
  readonly remote?: boolean
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

const embeddedRemote: Subject = {
  ...embedded,
  name: 'the embedded store, TCP',
  remote: true,
  start: async size => {
    const store = await Store.start({ size: size as string, rpc: { port: 0 } })
    return { socket: store.socket, endpoint: `tcp://${store.rpcEndpoint}`, close: () => store.close() }
  },
  connect: server => connect(server.endpoint)
}

const vineyarddRemote: Subject = {
  ...vineyardd,
  name: 'vineyardd 0.24.2, TCP',
  remote: true,
  start: size => Vineyardd.start(size, { rpc: true }),
  connect: server => connect(server.endpoint)
}

/** Those that clients share memory with. */
const near: readonly Subject[] = [embedded, embeddedStandard, vineyardd]
/** Those that clients reach over TCP. */
const far: readonly Subject[] = [embeddedRemote, vineyarddRemote]

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

type Suite = (bench: Bench) => void

/** Declares a suite once for every server. */
export function onEachServer(title: string, size: string, suite: Suite): void {
  declare(near, title, size, suite)
}

/** Declares it for those, and for every server over TCP. */
export function onEveryWay(title: string, size: string, suite: Suite): void {
  declare([...near, ...far], title, size, suite)
}

/** Declares it once for every server that listens for TCP; `remote` says whether the bench's clients use that. */
export function onEachEndpoint(title: string, size: string, remote: boolean, suite: Suite): void {
  const connected = (subject: Subject): Subject =>
    remote ? subject : { ...subject, remote, connect: server => connect(server.socket) }
  declare(far.map(connected), title, size, suite)
}

function declare(subjects: readonly Subject[], title: string, size: string, suite: Suite): void {
  for (const subject of subjects) {
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
