import { expect } from 'chai'
import { Table, tableFromIPC, vectorFromArray } from 'apache-arrow'
import { ByteStream, connect, RecordBatchStream, Store, tensor, type Client } from 'vineyard-streams'
import type { CliResult } from '../../support/cli.js'
import { batchOf } from '../../support/batches.js'
import { inside } from '../../support/inside.js'

describe('cat', () => {
  let store: Store
  let client: Client
  before(async () => {
    store = await Store.start({ size: '16Mi' })
    client = await connect(store.socket)
  })
  after(async () => {
    await client.close()
    await store.close({ drain: 0 })
  })

  const cat = (...args: string[]): Promise<CliResult> => inside(['cat', ...args, '--server', store.socket])

  const objects: [what: string, value: unknown, out: string][] = [
    ['a tensor', tensor(Float64Array.of(1, 2, 3, 4, NaN, 6), { shape: [3, 2] }), '[[1,2],[3,4],["NaN",6]]\n'],
    ['a tensor of bytes', tensor(Uint8Array.of(1, 2)), '[1,2]\n'],
    ['a tensor of truth values', tensor([true, false], { dtype: 'bool' }), '[true,false]\n'],
    ['a tensor of texts', tensor(['a', 'b']), '["a","b"]\n'],
    ['a tensor of one value', tensor(Float64Array.of(7), { shape: [] }), '7\n'],
    ['an integer', 2n ** 60n, `${2n ** 60n}\n`],
    ['a text', 'x', '"x"\n'],
    ['a list', [1, 'x', [true]], '[1,"x",[true]]\n'],
    ['a blob', Buffer.from('raw'), 'raw']
  ]
  for (const [what, value, out] of objects) {
    it(`prints ${what}, and refuses to make a file of record batches of it`, async () => {
      const id = await client.put(value)
      expect(await cat(id)).to.deep.equal({ code: 0, stdout: out, stderr: '' })
      for (const format of ['arrow', 'parquet']) {
        const { code, stdout, stderr } = await cat(id, '--format', format)
        expect({ code, stdout }, stderr).to.deep.equal({ code: 1, stdout: '' })
        expect(stderr).to.match(/^vineyard-streams: .* is not of record batches: [^\n]+\n$/)
      }
    })
  }

  it('refuses a byte stream as well, before it takes anything', async () => {
    const stream = await ByteStream.create(client)
    const writer = await stream.openWriter()
    await writer.append(Buffer.from('whole'))
    await writer.finish()
    expect((await cat(stream.id, '--format', 'arrow')).code).to.equal(1)
    expect((await cat(stream.id)).stdout).to.equal('whole')
  })

  it('prints the batches of a table and of a stream alike, down to a limit', async () => {
    const batch = batchOf({ a: vectorFromArray(['x', 'y', 'x']), n: vectorFromArray([1, 2, 3]) })
    const id = await client.put(new Table(batch))
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    for (let chunk = 0; chunk < 2; chunk += 1) await writer.append(batch)
    await writer.finish()
    const lines = '{"a":"x","n":1}\n{"a":"y","n":2}\n{"a":"x","n":3}\n'
    expect((await cat(id, '--format', 'ndjson')).stdout).to.equal(lines)
    expect((await cat(id, '--format', 'ndjson', '--limit', '1')).stdout).to.equal(lines.slice(0, 16))
    expect((await cat(stream.id, '--format', 'ndjson')).stdout).to.equal(lines + lines)
  })

  it('a stream without a chunk has no columns that an arrow file could have', async () => {
    const stream = await RecordBatchStream.create(client)
    await (await stream.openWriter()).finish()
    const { code, stdout, stderr } = await cat(stream.id, '--format', 'arrow')
    expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' })
    expect(stderr).to.contain('there was no chunk')
  })

  it('arrow: chunks with dictionaries may be released as soon as they are out', async () => {
    const stream = await RecordBatchStream.create(client)
    const writer = await stream.openWriter()
    for (const texts of [
      ['x', 'y'],
      ['y', 'z']
    ])
      await writer.append(batchOf({ a: vectorFromArray(texts) }))
    await writer.finish()
    const file = await inside(['cat', stream.id, '--format', 'arrow', '--server', store.socket], { encoding: 'latin1' }) // prettier-ignore
    expect(file.code, file.stderr).to.equal(0)
    const table = tableFromIPC(Buffer.from(file.stdout, 'latin1'))
    expect([...(table.getChild('a') ?? [])]).to.deep.equal(['x', 'y', 'y', 'z'])
  })
})
