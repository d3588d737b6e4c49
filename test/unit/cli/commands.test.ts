import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { tableFromIPC } from 'apache-arrow'
import { ByteStream, type Client } from 'vineyard-streams'
import { cli, CliProcess, cliMain } from '../../support/cli.js'
import { onEachServer } from '../../support/subjects.js'

const csv = 'id,price,ok,name\n1,0.5,true,a\n2,1.5,false,"b,c"\n3,,true,d\n'

onEachServer('The command line', '16Mi', bench => {
  // Commands connect on their own, and so always with what the store offers.
  if (bench.subject.name.endsWith('without extensions')) return
  let client: Client
  let folder: string
  const run = (args: readonly string[], input?: string): ReturnType<typeof cli> =>
    cli(args, bench.server.socket, input)

  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'vineyard-cli-'))
    writeFileSync(join(folder, 'prices.csv'), csv)
  })
  after(() => rmSync(folder, { recursive: true }))
  beforeEach(async () => {
    client = await bench.client()
  })

  it('sends a csv file into a stream, lists it, and prints it, with nothing but data on stdout', async function () {
    this.timeout(180_000)
    const reading = new CliProcess(['cat', 'prices', '--wait', '--format', 'csv'], bench.server.socket)
    const piped = await run(['pipe', join(folder, 'prices.csv'), '--name', 'prices'])
    expect(piped).to.deep.equal({ code: 0, stdout: piped.stdout, stderr: '' })
    expect(piped.stdout).to.match(/^o[0-9a-f]{16}\n$/)
    expect(await reading.end()).to.deep.equal({ code: 0, stdout: csv, stderr: '' })
    const listed = await run(['ls', '--json'])
    const rows = listed.stdout
      .trim()
      .split('\n')
      .map(line => JSON.parse(line))
    expect(rows.filter(row => row.name === 'prices')).to.have.length(1)
    expect(rows.find(row => row.name === 'prices')).to.include({ kind: 'stream', id: piped.stdout.trim() })
    expect((await run(['drop', 'prices'])).code).to.equal(0)
    expect(await client.listNames()).to.deep.equal({})
  })

  it('says what it is about: status, top without a terminal, help', async function () {
    this.timeout(180_000)
    const status = JSON.parse((await run(['status', '--json'])).stdout)
    expect(status).to.include({ address: bench.server.socket, memoryLimit: 16 * 2 ** 20 })
    const top = await run(['top'])
    expect(top.code).to.equal(0)
    expect(top.stdout)
      .to.match(/memory {3}\[/)
      .and.not.contain('\u001b')
  })
})

onEachServer('The command line, formats and exit codes', '16Mi', bench => {
  if (bench.subject.name !== 'the embedded store') return
  const run = (args: readonly string[], input?: string): ReturnType<typeof cli> =>
    cli(args, bench.server.socket, input)

  it('ndjson, arrow and parquet come out as they went in', async function () {
    this.timeout(180_000)
    const folder = mkdtempSync(join(tmpdir(), 'vineyard-cli-'))
    const ndjson = '{"a":1,"b":"x"}\n{"a":2.5,"b":null}\n'
    const write = async (format: string, name: string): Promise<string> => {
      const path = join(folder, `file.${format}`)
      const child = new CliProcess(['cat', name, '--format', format], bench.server.socket)
      const chunks: Buffer[] = []
      child.child.stdout?.removeAllListeners('data')
      child.child.stdout?.on('data', (text: string) => chunks.push(Buffer.from(text, 'latin1')))
      child.child.stdout?.setEncoding('latin1')
      expect((await child.end()).code).to.equal(0)
      writeFileSync(path, Buffer.concat(chunks))
      return path
    }
    expect((await run(['pipe', '-', '--format', 'ndjson', '--name', 'one'], ndjson)).code).to.equal(0)
    const arrow = await write('arrow', 'one')
    expect(tableFromIPC(readFileSync(arrow)).numRows).to.equal(2)
    expect((await run(['pipe', arrow, '--name', 'two', '--type', 'dataframe'])).code).to.equal(0)
    const parquet = await write('parquet', 'two')
    expect(readFileSync(parquet).subarray(0, 4).toString()).to.equal('PAR1')
    expect((await run(['pipe', parquet, '--name', 'three'])).code).to.equal(0)
    expect((await run(['cat', 'three', '--format', 'ndjson'])).stdout).to.equal(ndjson)
    rmSync(folder, { recursive: true })
  })

  it('the exit code tells what went wrong, and a message on stderr says it', async function () {
    this.timeout(180_000)
    const results = await Promise.all([
      run(['cat', 'nobody']),
      run(['cat']),
      cli(['status'], '/nonexistent/socket'),
      run(['pipe', '/nonexistent.csv'])
    ])
    expect(results.map(({ code }) => code)).to.deep.equal([4, 2, 3, 1])
    for (const { stdout, stderr } of results) {
      expect(stdout).to.equal('')
      expect(stderr).to.match(/\n$/)
    }
    const help = await run(['cat', '--help'])
    expect(help).to.include({ code: 0, stderr: '' })
    expect(help.stdout).to.contain('Examples:')
  })

  it('SIGINT ends a reader cleanly: 130, and the stream fails for its writer', async function () {
    this.timeout(180_000)
    const client = await bench.client()
    const stream = await ByteStream.create(client, { name: 'endless' })
    const writable = stream.createWriteStream()
    const failed = once(writable, 'error')
    writable.write('something')
    const reader = new CliProcess(['cat', 'endless'], bench.server.socket)
    await once(reader.child.stdout!, 'data')
    reader.child.kill('SIGINT')
    expect(await reader.end()).to.deep.equal({ code: 130, stdout: 'something', stderr: '' })
    expect((await failed)[0]).to.have.property('code', 'ERR_VINEYARD_STREAM_FAILED')
  })

  it('the demo shows itself', async function () {
    this.timeout(180_000)
    const { code, stdout, stderr } = await run(['demo'])
    expect({ code, ok: stderr.endsWith('OK\n') }).to.deep.equal({ code: 0, ok: true })
    expect(stdout).to.match(/^11 +1\.375 +false$/m)
    expect(cliMain).to.be.a('string')
  })
})
