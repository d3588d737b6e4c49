import { expect } from 'chai'
import { type Client, connect, RecordBatchStream, type ObjectId } from 'vineyard-streams'
import { TestProcess } from '../support/processes.js'
import { rejection } from '../support/rejection.js'

/** More than a heap of 64 MiB has room for. */
const plenty = 3000

describe('A store whose process has little memory', () => {
  let child: TestProcess
  let client: Client
  let healthy: Client

  beforeEach(async () => {
    child = new TestProcess('small-store', {}, { execArgv: ['--max-old-space-size=64'] })
    const socket = await child.next<string>()
    client = await connect(socket)
    healthy = await connect(socket)
  })

  afterEach(async () => {
    await client.close()
    await healthy.close()
    child.send('end')
    expect(await child.exit).to.deep.equal({ code: 0, signal: null })
  })

  /** Does it until it is refused. */
  async function fill(add: (count: number) => Promise<unknown>): Promise<number> {
    for (let count = 0; count < plenty; count += 1) {
      try {
        await add(count)
      } catch (error) {
        expect(error).to.have.property('code', 'ERR_VINEYARD_NO_MEMORY')
        return count
      }
    }
    throw new Error('it took everything')
  }

  it('refuses more metadata than it has memory for, and others go on', async () => {
    const ids: ObjectId[] = []
    const stream = await RecordBatchStream.create(healthy)
    const count = await fill(async count => ids.push(await client.put(`${count} `.padEnd(100_000, 'x'))))
    expect(count).to.be.above(20)
    expect(await healthy.get(ids[0] as ObjectId)).to.have.length(100_000)
    expect(await rejection(healthy.put('x'.repeat(100_000)))).to.have.property(
      'code',
      'ERR_VINEYARD_NO_MEMORY'
    )
    await healthy.delete(ids)
    expect(await healthy.put('x'.repeat(100_000))).to.be.a('string')
    await stream.drop()
  })

  it('refuses more names', async () => {
    const id = await client.put(1)
    await client.persist(id)
    const count = await fill(count => client.putName(id, `${count} `.padEnd(100_000, 'x')))
    expect(await healthy.getName('0 '.padEnd(100_000, 'x'))).to.equal(id)
    for (let i = 0; i < count; i += 1) await healthy.dropName(`${i} `.padEnd(100_000, 'x'))
    await client.putName(id, 'once more')
  })
})
