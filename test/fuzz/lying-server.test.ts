import { finished } from 'node:stream/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { parseJson, stringifyJson, type JsonValue } from '#dist/protocol/json.js'
import { connect, RecordBatchStream, release, Store, type Client } from 'vineyard-streams'
import { seedBatch } from '../support/batches.js'
import { FrameProxy } from '../support/frame-proxy.js'
import { fuzzes, hostileJson } from '../support/fuzzing.js'
import { numberedBatch } from '../support/numbered.js'

/** One value somewhere in a reply or an event replaced, added, or left out; undefined is the truth. */
type Lie = { place: number; value: unknown; how: 'replace' | 'add' | 'omit' } | undefined

const nearlyTrue = fc.oneof(
  fc.constantFrom(
    -1,
    0,
    1,
    2,
    3,
    64,
    4096,
    2 ** 20,
    2 ** 31,
    2 ** 40,
    2 ** 53,
    1e308,
    0.5,
    'o8000000000000000'
  ),
  fc.constantFrom(
    'oxyz0000000000000',
    '{}',
    '{"typename":{"$var":0}}',
    '{"typename":"vineyard::Blob"}',
    [],
    {}
  )
)
const lie: fc.Arbitrary<Lie> = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  {
    weight: 3,
    arbitrary: fc.record({
      place: fc.nat(1000),
      value: fc.oneof(nearlyTrue, hostileJson),
      how: fc.constantFrom('replace', 'replace', 'add', 'omit')
    })
  }
)

type Container = Record<string, unknown> | unknown[]

/** Every place in a message where a value is. */
function placesOf(node: unknown, places: [Container, string][] = []): [Container, string][] {
  if (typeof node !== 'object' || node === null) return places
  for (const key of Object.keys(node)) {
    places.push([node as Container, key])
    placesOf((node as Record<string, unknown>)[key], places)
  }
  return places
}

function tell(message: JsonValue, { place, value, how }: NonNullable<Lie>): void {
  const places = placesOf(message)
  const [container, key] = places[place % places.length] as [Record<string, unknown>, string]
  if (Array.isArray(container)) {
    if (how === 'replace') container[Number(key)] = value
    else container.splice(Number(key), how === 'omit' ? 1 : 0, ...(how === 'add' ? [value] : []))
  } else if (how === 'omit') {
    delete container[key]
  } else {
    container[key] = value
  }
}

describe('A reader or writer of a store that lies', () => {
  let store: Store
  let proxy: FrameProxy
  let honest: Client
  let lies: readonly Lie[] = []
  let turn = 0

  before(async () => {
    store = await Store.start({ size: '16Mi' })
    honest = await connect(store.socket)
    proxy = new FrameProxy(store.socket, {
      reply: text => {
        const message = parseJson(text) as Record<string, JsonValue>
        if (message['type'] === 'register_reply') return text
        const next = lies[turn % lies.length]
        turn += 1
        if (next === undefined) return text
        tell(message, next)
        return stringifyJson(message)
      }
    })
  })
  after(async () => {
    proxy.close()
    await honest.close()
    await store.close()
  })

  const batches = (count: number): unknown[] =>
    Array.from(
      { length: count },
      (_, index) =>
        [numberedBatch(index, 4096), seedBatch(index, 10), numberedBatch(index, 300_000)][index % 3]
    )
  const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(300) })

  /** Chunks of all forms that a reply to a pull can have. */
  async function fill(stream: RecordBatchStream): Promise<void> {
    const writer = await stream.openWriter(undefined, { sameSchema: false })
    for (const batch of batches(6)) await writer.append(batch as never)
    await writer.append(await honest.put('an object'))
    await writer.append(await honest.put(['x', 1]))
    await writer.finish()
  }

  const calls: Record<string, (stream: RecordBatchStream) => Promise<void>> = {
    'next()': async stream => {
      const reader = await stream.openReader()
      for (let count = 0; count < 10; count += 1) {
        const { done, value } = await reader.next(soon())
        if (done === true) return
        release(value)
      }
    },
    'nextId()': async stream => {
      const reader = await stream.openReader()
      for (let count = 0; count < 10; count += 1) {
        const id = await reader.nextId(soon())
        if (id === undefined) return
        expect(id).to.match(/^o[0-9a-f]{16}$/)
      }
    },
    'for await': async stream => {
      for await (const chunk of await stream.openReader(undefined, { idleTimeout: 300 })) release(chunk)
    },
    'createReadStream()': async stream => {
      for await (const chunk of stream.createReadStream({ ...soon(), copy: true })) void chunk
    },
    'append()': async stream => {
      const writer = await stream.openWriter(undefined, { sameSchema: false })
      for (const batch of batches(6)) {
        expect(await writer.append(batch as never, soon())).to.match(/^o[0-9a-f]{16}$/)
      }
      await writer.finish()
    },
    'allocate()': async stream => {
      const writer = await stream.openWriter(undefined, { sameSchema: false })
      for (let count = 0; count < 6; count += 1) {
        const memory = await writer.allocate(100_000, soon())
        memory.fill(count)
        await writer.append(memory, soon())
      }
    },
    'createWriteStream()': async stream => {
      const writable = stream.createWriteStream({ ...soon(), sameSchema: false })
      const over = finished(writable)
      for (const batch of batches(40)) writable.write(batch as never)
      writable.end()
      await over
    }
  }

  for (const [name, call] of Object.entries(calls)) {
    fuzzes(
      `ends ${name} with an error that has a code, or a value`,
      fc.array(lie, { minLength: 1, maxLength: 8 }),
      async given => {
        lies = [undefined]
        turn = 0
        const stream = await RecordBatchStream.create(honest)
        const writes = /append|allocate|Write/.test(name)
        if (!writes) await fill(stream)
        const client = await connect(proxy.socket, { timeout: 500 })
        try {
          const theirs = await RecordBatchStream.open(client, stream.id)
          lies = given
          await call(theirs)
        } catch (error) {
          expect((error as { code?: string }).code, String((error as Error).stack)).to.match(
            /^(ERR_VINEYARD_|ABORT_ERR)/
          )
        } finally {
          lies = [undefined]
          await client.close()
          await stream.drop()
        }
      },
      10
    )
  }
})
