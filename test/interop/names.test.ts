import { expect } from 'chai'
import { seedBatch } from '../support/batches.js'
import { withPython } from './session.js'

withPython('Names and ids shared with Python', '64Mi', (bench, python) => {
  it('sees in Python the names that Node gives', async () => {
    const client = await bench.client()
    const id = await client.put('named')
    await client.persist(id)
    await client.putName(id, 'interop/node~name')
    expect(await python.call('objects.get_name', { name: 'interop/node~name' })).to.equal(id)
    expect(await python.call('objects.list_names', { pattern: 'interop/node*' })).to.deep.equal({
      'interop/node~name': id
    })
    await client.dropName('interop/node~name')
    expect(await python.call('objects.list_names', { pattern: 'interop/node*' })).to.deep.equal({})
  })

  it('sees in Node the names that Python gives, also while it waits', async () => {
    const client = await bench.client()
    const waiting = client.getName('interop/python', { wait: true })
    const id: string = await python.call('objects.put', { value: '17' })
    await python.call('objects.put_name', { object_id: id, name: 'interop/python' })
    expect(await waiting).to.equal(id)
    expect(await client.listNames({ pattern: 'interop/py*' })).to.deep.equal({ 'interop/python': id })
    await python.call('objects.drop_name', { name: 'interop/python' })
    expect(await client.listNames({ pattern: 'interop/py*' })).to.deep.equal({})
  })

  it('sees in Python that Node deleted an object', async () => {
    const client = await bench.client()
    const id = await client.put(seedBatch(0, 10))
    expect(await python.call('objects.exists', { object_id: id })).to.equal(true)
    await client.delete(id)
    expect(await python.call('objects.exists', { object_id: id })).to.equal(false)
  })

  it('sees in Node that Python deleted an object', async () => {
    const client = await bench.client()
    const before = (await client.status()).memoryUsage
    const id: string = await python.call('objects.put', { value: 'np.zeros(100_000)' })
    expect(await client.exists(id)).to.equal(true)
    await python.call('objects.delete', { object_id: id })
    expect(await client.exists(id)).to.equal(false)
    expect((await client.status()).memoryUsage).to.equal(before)
  })

  it('sees the same metadata on both sides', async () => {
    const client = await bench.client()
    const id = await client.put(Float64Array.of(1, 2))
    const meta: Record<string, unknown> = await python.call('objects.metadata', { object_id: id })
    const found = await client.getMeta(id)
    const text = Object.fromEntries(
      Object.keys(meta).map(key => [key, String(found[key] as string | bigint)])
    )
    expect(meta).to.deep.equal(text)
  })
})
