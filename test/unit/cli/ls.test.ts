import { expect } from 'chai'
import { ByteStream, connect, ParallelStream, Store, StreamCollection, type Client } from 'vineyard-streams'
import type { CliResult } from '../../support/cli.js'
import { inside, type InsideOptions } from '../../support/inside.js'

describe('ls, status and top', () => {
  let store: Store
  let client: Client
  beforeEach(async () => {
    store = await Store.start({ size: '16Mi', rpc: { port: 0 } })
    client = await connect(store.socket)
  })
  afterEach(async () => {
    await client.close()
    await store.close({ drain: 0 })
  })

  const command = (args: readonly string[], options: InsideOptions = {}): Promise<CliResult> =>
    inside([...args, '--server', store.socket], options)
  const states = async (): Promise<Record<string, string>> => {
    const { stdout } = await command(['ls', '--json'])
    const rows = stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line) as { name?: string; id: string; state: string })
    return Object.fromEntries(rows.map(({ name, id, state }) => [name ?? id, state]))
  }

  it('say how a stream is doing, and cat that one has ended', async () => {
    const stream = await ByteStream.create(client, { name: 'one' })
    const writer = await stream.openWriter()
    expect(await states()).to.deep.equal({ one: 'open' })
    await writer.append(Buffer.from('x'))
    await writer.finish()
    expect(await states()).to.deep.equal({ one: 'finished' })
    const top = await command(['top'])
    expect(top.stdout).to.match(/^one +ByteStream +finished +1 /m)
    expect(await command(['cat', 'one'])).to.deep.equal({ code: 0, stdout: 'x', stderr: '' })
    expect(await states()).to.deep.equal({ one: 'ended' })
    expect(await command(['cat', 'one'])).to.deep.equal({
      code: 1,
      stdout: '',
      stderr: `vineyard-streams: the stream ${stream.id} has ended: it was read, and only its name is left (ERR_VINEYARD_STREAM_DRAINED)\n`
    })
    const failed = await ByteStream.create(client, { name: 'two' })
    await (await failed.openWriter()).fail()
    expect(await states()).to.deep.equal({ one: 'ended', two: 'failed' })
  })

  it('a group of streams whose members wait has not ended', async () => {
    const parallel = await ParallelStream.create(client, 1, ByteStream)
    const collection = await StreamCollection.create(client, [await ByteStream.create(client)])
    const [first, second] = [...parallel.streams, ...collection.streams].map(({ id }) => id)
    expect(await states()).to.deep.equal({
      [first as string]: 'open',
      [second as string]: 'open',
      [parallel.id]: 'group',
      [collection.id]: 'group'
    })
    const { stdout } = await command(['ls', '--streams'])
    expect(stdout.trim().split('\n')).to.have.length(5)
  })

  it('over TCP nobody knows whether it is a vineyardd, and none is named', async () => {
    const address = `tcp://${store.rpcEndpoint}`
    const { stdout } = await inside(['status', '--server', address])
    expect(stdout).to.match(/^server +standard protocol \(a vineyardd, or a store over TCP\), protocol /m)
    const top = await inside(['top', '--server', address])
    expect(top.stdout)
      .to.match(/^standard protocol/)
      .and.contain('The standard protocol does not tell')
    expect((await command(['status'])).stdout).to.contain('store of vineyard-streams')
  })

  it('have colours only on a terminal', async () => {
    const colour = '\u001b[1m'
    await ByteStream.create(client, { name: 'one' })
    for (const args of [['ls'], ['top']]) {
      // A live screen is left when it has been drawn.
      const watch: InsideOptions['watch'] = (text, _output, interrupt) => text.includes('one') && interrupt()
      const shown = await command(args, { terminal: true, watch })
      expect(shown.stdout, args[0]).to.contain(colour)
      const piped = await command(args)
      expect(piped.stdout, args[0]).to.contain('one').and.not.contain('\u001b')
    }
  })

  it('progress of pipe appears only on a terminal, and on the error output', async () => {
    const args = ['pipe', '-', '--format', 'bytes']
    const shown = await command(args, { terminal: true, input: 'x' })
    expect(shown.stderr).to.contain('stdin').and.contain('1 B')
    expect(shown.stdout).to.match(/^o[0-9a-f]{16}\n$/)
    expect((await command(args, { input: 'x' })).stderr).to.equal('')
  })
})
