import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect } from 'chai'
import { ByteStream, type Client } from 'vineyard-streams'

/** A transient stream of a client, both of whose ends it has: what happens to other requests must not be felt here. */
export class LocalTraffic {
  readonly #input = new PassThrough()
  readonly #output: AsyncIterator<Buffer>
  readonly #writing: Promise<unknown>
  readonly #stream: ByteStream

  private constructor(stream: ByteStream) {
    this.#stream = stream
    this.#writing = pipeline(this.#input, stream.createWriteStream())
    this.#writing.catch(() => {})
    this.#output = stream.createReadStream()[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  }

  static async start(client: Client): Promise<LocalTraffic> {
    const traffic = new LocalTraffic(await ByteStream.create(client))
    await traffic.goesOn()
    return traffic
  }

  /** Fails where a chunk does not come through. */
  async goesOn(): Promise<void> {
    if (!this.#input.write('chunk')) await once(this.#input, 'drain')
    expect(String((await this.#output.next()).value)).to.equal('chunk')
  }

  /** Ends it, and fails where that is not a clean end. */
  async end(): Promise<void> {
    this.#input.end()
    expect((await this.#output.next()).done).to.be.true
    await this.#writing
    await this.#stream.drop()
  }
}
