import { closeSync } from 'node:fs'
import { type Channel, native, type NativeError } from '#dist/native.js'
import { parseJson, type Stringifiable, stringifyJson } from '#dist/protocol/json.js'

/** A client that sends what it is told, well-formed or not. */
export class RawClient {
  readonly channel: Channel
  /** What has come and was not asked for yet: replies and events parsed, descriptors as numbers. */
  readonly received: any[] = []
  closed = false
  error: NativeError | null = null
  #wake: () => void = () => {}

  constructor(socket: string) {
    this.channel = native.connect(socket, 2 ** 30)
    this.channel.start({
      onMessages: messages => {
        for (const message of messages) {
          this.received.push(typeof message === 'string' ? parseJson(message) : message)
        }
        this.#wake()
      },
      onDrain: () => {},
      onClose: error => {
        this.closed = true
        this.error = error
        this.#wake()
      }
    })
  }

  /** A client that has registered; `fields` go into the registration. */
  static async connect(socket: string, fields: Record<string, Stringifiable> = {}): Promise<RawClient> {
    const client = new RawClient(socket)
    const reply = await client.ask('register_request', { store_type: 1, ...fields })
    if (reply.code !== undefined) throw new Error(`${reply.code}: ${reply.message}`)
    return client
  }

  send(type: string, fields: Record<string, Stringifiable> = {}): void {
    this.channel.send(stringifyJson({ type, ...fields }))
  }

  /** The next message, or undefined when the connection was closed. */
  async next(): Promise<any> {
    while (this.received.length === 0) {
      if (this.closed) return undefined
      await new Promise<void>(resolve => (this.#wake = resolve))
    }
    return this.received.shift()
  }

  async ask(type: string, fields: Record<string, Stringifiable> = {}): Promise<any> {
    this.send(type, fields)
    const reply = await this.next()
    const count = typeof reply?.fd === 'number' ? Number(reply.fd !== -1) : (reply?.fds?.length ?? 0)
    for (let i = 0; i < count; i += 1) closeSync(await this.next())
    return reply
  }

  /** Waits until the other side has closed the connection. */
  async ended(): Promise<void> {
    while (!this.closed) await new Promise<void>(resolve => (this.#wake = resolve))
  }

  close(): void {
    this.channel.close()
  }
}
