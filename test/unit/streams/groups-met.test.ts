import { expect } from 'chai'
import type { Client } from '#dist/client/client.js'
import type { Metadata } from '#dist/objects/model.js'
import { objectIdFromBigInt, objectIdToDecimal, type ObjectId } from '#dist/protocol/ids.js'
import { streamFromMetadata } from '#dist/streams/stream-types.js'

/** Nobody can choose the id of an object, so a real server has no collection that names itself, or one made later. */
describe('Groups that contain themselves', () => {
  const idOf = (number: number): ObjectId => objectIdFromBigInt(BigInt(number + 1))

  /** Opens the first of collections that name each other by number; how often metadata were asked for, and the error. */
  async function open(
    collections: readonly (readonly number[])[]
  ): Promise<{ asked: number; code?: string }> {
    let asked = 0
    const metas = collections.map((members, number) => ({
      id: idOf(number),
      typename: 'vineyard::StreamCollection',
      instance_id: 0,
      __streams: `[${members.map(member => objectIdToDecimal(idOf(member))).join()}]`
    })) as unknown as Metadata[]
    const getMeta = (id: ObjectId): Promise<Metadata> => {
      asked += 1
      return Promise.resolve(metas.find(meta => meta.id === id) as Metadata)
    }
    const opening = streamFromMetadata({ getMeta } as Client, metas[0] as Metadata)
    const failed = await opening.then(
      () => undefined,
      (error: { code: string }) => error.code
    )
    return { asked, ...(failed === undefined ? {} : { code: failed }) }
  }

  const code = 'ERR_VINEYARD_METADATA'

  it('are refused', async () => {
    expect(await open([[0]])).to.deep.equal({ asked: 1, code })
    expect(await open([[1], [2], [0]])).to.deep.equal({ asked: 3, code })
    expect(await open([[1, 2], [2], [1]])).to.deep.include({ code })
  })

  it('are told from a tree, of at most sixteen levels', async () => {
    expect(await open([[1, 2], [3], [4], [], []])).to.deep.equal({ asked: 4 })
    const chain = (length: number): number[][] =>
      Array.from({ length }, (_, number) => (number + 1 < length ? [number + 1] : []))
    expect(await open(chain(16))).to.deep.equal({ asked: 15 })
    expect(await open(chain(17))).to.deep.include({ code })
  })
})
