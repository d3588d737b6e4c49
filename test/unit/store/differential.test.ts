/**
 * The same requests to the real vineyardd and to the store: replies must be the same, except for ids, times, addresses and
 * the texts of errors. What the store does differently on purpose is left out here, and tested where it belongs.
 */
import { expect } from 'chai'
import fc from 'fast-check'
import { StoreServer } from '#dist/store/server.js'
import type { Stringifiable } from '#dist/protocol/json.js'
import { long, longTag } from '../../support/long-report.js'
import { needsVineyard, Vineyardd } from '../../support/vineyardd.js'
import { RawClient } from './raw-client.js'
import { blobMember, text } from './support.js'

const emptyBlob = 2n ** 63n

/** Fields that differ between any two servers. */
const ownFields = new Set([
  'signature',
  'signatures',
  '__timestamp',
  'message',
  'pointer',
  'data_offset',
  'store_fd',
  'fd',
  'fds'
])

/** One of the two servers, with the ids it has given so far. */
class Side {
  readonly ids: bigint[] = []
  readonly #numbers = new Map<string, number>()
  /** Of each object, its members. */
  readonly #members = new Map<bigint, readonly bigint[]>()

  constructor(readonly client: RawClient) {}

  /** `request`: what it was made by. */
  remember(id: unknown, request: Record<string, Stringifiable>): void {
    const value = BigInt(id as bigint)
    const content = (request['content'] ?? {}) as Record<string, { id?: string } | undefined>
    const named = Object.values(content).flatMap(member =>
      member?.id ? [BigInt(`0x${member.id.slice(1)}`)] : []
    )
    this.#members.set(value, this.#members.get(request['id'] as bigint) ?? named)
    this.#numbers.set(value.toString(), this.ids.length)
    this.#numbers.set(text(value), this.ids.length)
    this.ids.push(value)
  }

  id(index: number): bigint {
    return this.ids.length === 0 ? 5n : this.ids[index % this.ids.length]!
  }

  /**
   * What of these can be deleted with one request on both sides. Upstream's forced deletion of the empty blob deletes whatever
   * has an empty member. And where it deletes an object whose blob another one of the request has, too, it goes from the blob to
   * that one as if `deep` had been asked for (`traverseToDelete` in its `meta_service.cc`), and a member that lives goes with
   * it: A, B { A, blob } and C { A, blob }; deleting [B, C] without force, not deep, deletes A.
   */
  deletable(indexes: readonly number[], force: boolean): bigint[] {
    const ids = [...new Set(indexes.map(i => this.id(i)))].filter(id => id !== emptyBlob)
    const kept: bigint[] = []
    for (const id of ids) {
      const together = [...kept, id]
      const deleted = force ? together.flatMap(each => [each, ...this.#ownersOf(each)]) : together
      if (!together.some(each => this.#sharesBlob(each, deleted))) kept.push(id)
    }
    return kept
  }

  #sharesBlob(id: bigint, others: readonly bigint[]): boolean {
    const blobs = (this.#members.get(id) ?? []).filter(member => member >> 63n)
    return others.some(other => other !== id && blobs.some(blob => this.#members.get(other)?.includes(blob)))
  }

  /** Whatever has this as a member, or as a member of a member. */
  #ownersOf(id: bigint): bigint[] {
    const direct = this.ids.filter(owner => this.#members.get(owner)?.includes(id))
    return direct.flatMap(owner => [owner, ...this.#ownersOf(owner)])
  }

  /** A reply in which ids are numbers in the order they were given. */
  normal(value: any): any {
    if (Array.isArray(value)) return value.map(item => this.normal(item))
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(
        Object.entries(value)
          .filter(([key]) => !ownFields.has(key))
          .map(([key, item]) => [this.#name(key), this.normal(item)])
      )
    }
    return typeof value === 'boolean' || value === null ? value : this.#name(String(value))
  }

  #name(value: string): string {
    const number = this.#numbers.get(value)
    return number === undefined ? value : `#${number}`
  }
}

/** A request, made for each side with its own ids. */
type Step = (side: Side) => [type: string, fields: Record<string, Stringifiable>]

const index = fc.nat({ max: 40 })
const name = fc.constantFrom('n', 'a/b', 'x~y', 'z')

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.constantFrom(0, 1, 100, 4096).map((size): Step => () => ['create_buffer_request', { size }]),
  index.map((i): Step => side => ['seal_request', { object_id: side.id(i) }]),
  index.map((i): Step => side => ['drop_buffer_request', { id: side.id(i) }]),
  fc
    .tuple(index, fc.nat({ max: 120 }))
    .map(([i, size]): Step => side => ['shrink_buffer_request', { id: side.id(i), size }]),
  fc
    .tuple(fc.array(index, { maxLength: 3 }), fc.boolean())
    .map(([list, unsafe]): Step => side => [
      'get_buffers_request',
      { ids: list.map(i => side.id(i)), unsafe }
    ]),
  fc
    .tuple(fc.constantFrom('A', 'B', 'vineyard::C<int>'), fc.array(index, { maxLength: 3 }))
    .map(([typename, list]): Step => side => {
      const members = list.map((i, n) => {
        const id = side.id(i)
        return [`m${n}`, id >> 63n ? blobMember(id) : { id: text(id) }]
      })
      const content = { typename, instance_id: 0, v: 'x', n: 1.5, ...Object.fromEntries(members) }
      return ['create_data_request', { content }]
    }),
  fc
    .tuple(fc.uniqueArray(index, { maxLength: 3 }), fc.boolean(), fc.boolean())
    .map(([list, force, deep]): Step => side => [
      'del_data_request',
      { id: side.deletable(list, force), force, deep }
    ]),
  index.map((i): Step => side => [
    'shallow_copy_request',
    { id: side.id(i), extra: { typename: 'Copy', k: 1 } }
  ]),
  index.map((i): Step => side => ['persist_request', { id: side.id(i) }]),
  index.map((i): Step => side => ['if_persist_request', { id: side.id(i) }]),
  index.map((i): Step => side => ['exists_request', { id: side.id(i) }]),
  index.map((i): Step => side => ['migrate_object_request', { object_id: side.id(i) }]),
  fc
    .tuple(index, fc.dictionary(fc.constantFrom('k', 'l'), fc.string(), { maxKeys: 2 }))
    .map(([i, labels]): Step => side => {
      // A label of a blob makes vineyardd show that blob as something else wherever it is a member.
      const id = side.id(i) >> 63n ? 5n : side.id(i)
      return ['label_request', { id, keys: Object.keys(labels), values: Object.values(labels) }]
    }),
  fc
    .tuple(index, name)
    .map(([i, n]): Step => side => ['put_name_request', { object_id: side.id(i), name: n }]),
  name.map((n): Step => () => ['get_name_request', { name: n, wait: false }]),
  name.map((n): Step => () => ['drop_name_request', { name: n }]),
  fc
    .tuple(
      fc.constantFrom('*', 'A', '[AB]', '.*', 'vineyard::?*', '(', 'C*'),
      fc.boolean(),
      fc.constantFrom(1, 3, 100)
    )
    .map(([pattern, regex, limit]): Step => () => ['list_name_request', { pattern, regex, limit }]),
  fc
    .tuple(fc.constantFrom('A', '[AB]', 'vineyard::C*', '(', 'C*'), fc.boolean(), fc.constantFrom(1, 3, 100))
    .map(([pattern, regex, limit]): Step => () => ['list_data_request', { pattern, regex, limit }])
)

const streamSteps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc
      .nat({ max: 9 })
      .map((chunk): Step => side => ['push_next_stream_chunk_request', { id: side.id(0), chunk }])
  },
  { weight: 4, arbitrary: fc.constant<Step>(side => ['pull_next_stream_chunk_request', { id: side.id(0) }]) },
  {
    weight: 1,
    arbitrary: fc.boolean().map((failed): Step => side => ['stop_stream_request', { id: side.id(0), failed }])
  },
  { weight: 1, arbitrary: fc.constant<Step>(side => ['drop_stream_request', { id: side.id(0) }]) },
  { weight: 1, arbitrary: fc.constant<Step>(side => ['create_stream_request', { object_id: side.id(0) }]) },
  {
    weight: 1,
    arbitrary: fc
      .nat({ max: 7 })
      .map((mode): Step => side => ['open_stream_request', { object_id: side.id(0), mode }])
  }
)

/**
 * The same ones in each short run: where the two differ it has so far been vineyardd that was wrong, in ways that come up once in
 * thousands of lists. The long run looks for those.
 */
const runs = (count: number): { numRuns: number; endOnFailure?: true; seed?: number } =>
  long ? { numRuns: count * 40, endOnFailure: true } : { numRuns: count, seed: 20261126 }

class Silence extends Error {}

/** A request that waits for ever is told with what came before it. */
async function within<T>(answer: Promise<T>, what: () => string): Promise<T> {
  let watchdog: NodeJS.Timeout | undefined
  const silence = new Promise<never>((_resolve, reject) => {
    watchdog = setTimeout(() => reject(new Silence(`no answer to ${what()}`)), 20_000)
  })
  try {
    return await Promise.race([answer, silence])
  } finally {
    clearTimeout(watchdog)
  }
}

describe('differential', () => {
  let real: Vineyardd
  let store: StoreServer

  before(async function () {
    needsVineyard(this)
    real = await Vineyardd.start('64Mi')
    store = await StoreServer.start({ size: '64Mi' })
  })

  after(async () => {
    await store?.close()
    await real?.close()
  })

  async function compare(
    list: readonly Step[],
    skip: (step: string, history: string[]) => boolean
  ): Promise<void> {
    const sides = [
      new Side(await RawClient.connect(real.socket)),
      new Side(await RawClient.connect(store.socket))
    ] as const
    const history: string[] = []
    for (const side of sides) await side.client.ask('clear_request')
    try {
      for (const step of list) {
        const [type] = step(sides[0])
        if (skip(type, history)) continue
        const replies: any[] = []
        for (const side of sides) {
          const request = step(side)
          const reply = await within(
            side.client.ask(...request),
            () => `${type} of ${side === sides[0] ? 'vineyardd' : 'the store'} after\n${history.join('\n')}`
          )
          const id = type.startsWith('create_') ? reply?.id : reply?.target_id
          if (id !== undefined) side.remember(id, request[1])
          if (reply?.code === 255) throw new Error(reply.message)
          replies.push(side.normal(reply))
        }
        history.push(`${type} ${String(replies[0].code ?? 0)}`)
        expect(JSON.stringify(replies[1]), history.slice(-30).join('\n')).to.equal(JSON.stringify(replies[0]))
      }
      await clear(sides)
    } catch (error) {
      // Behind a request that waits nothing more is answered.
      if (!(error instanceof Silence)) await clear(sides)
      throw error
    } finally {
      for (const side of sides) side.client.close()
    }
  }

  async function clear(sides: readonly Side[]): Promise<void> {
    for (const name of ['n', 'a/b', 'x~y', 'z']) {
      for (const side of sides) await side.client.ask('drop_name_request', { name })
    }
    for (const side of sides) {
      for (const id of side.ids) await side.client.ask('drop_stream_request', { id })
      await side.client.ask('clear_request')
    }
  }

  it(`blobs, metadata, deletion and names ${longTag}`, async function () {
    this.timeout(long ? 1_200_000 : 60_000)
    await fc.assert(
      fc.asyncProperty(fc.array(steps, { minLength: 20, maxLength: 80 }), list =>
        compare([() => ['put_name_request', { object_id: 5, name: 'n' }], ...list], () => false)
      ),
      runs(150)
    )
  })

  it(`streams ${longTag}`, async function () {
    this.timeout(long ? 1_200_000 : 60_000)
    const create: Step[] = [
      () => ['create_data_request', { content: { typename: 'S', instance_id: 0 } }],
      side => ['create_stream_request', { object_id: side.id(0) }]
    ]
    await fc.assert(
      fc.asyncProperty(fc.array(streamSteps, { maxLength: 60 }), list => {
        let queued = 0
        let ended = false
        return compare([...create, ...list], (type, history) => {
          // Follow the queue: a pull that would wait is left out.
          const last = history.at(-1) ?? ''
          if (last === 'push_next_stream_chunk_request 0') queued += 1
          if (last === 'pull_next_stream_chunk_request 0') queued -= 1
          if (last === 'stop_stream_request 0') ended = true
          if (last === 'create_stream_request 0') {
            queued = 0
            ended = false
          }
          if (last === 'drop_stream_request 0') ended = true
          if (type === 'pull_next_stream_chunk_request' && queued === 0 && !ended) {
            history.push('')
            return true
          }
          return false
        })
      }),
      runs(60)
    )
  })
})
