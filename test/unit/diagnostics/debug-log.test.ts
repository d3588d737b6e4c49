import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'

const run = promisify(execFile)

const program = `
  import { ByteStream, connect, release, Store } from 'vineyard-streams'
  const store = await Store.start({ size: '16Mi' })
  const client = await connect(store.socket)
  const stream = await ByteStream.create(client)
  const writer = await stream.openWriter()
  const reader = await stream.openReader()
  const first = reader.next()
  await writer.append(Buffer.alloc(100_000))
  release((await first).value)
  await writer.finish()
  await reader.next()
  const lost = await ByteStream.create(client)
  await (await lost.openWriter()).fail()
  await client.close()
  await store.close()
  console.log(JSON.stringify({ socket: store.socket, stream: stream.id, lost: lost.id }))`

describe('NODE_DEBUG=vineyard', () => {
  it('writes a line for each event', async () => {
    const { stdout, stderr } = await run(process.execPath, ['--input-type=module', '--eval', program], {
      // Inside the package its own name resolves to what is shipped.
      cwd: fileURLToPath(new URL('../../../../', import.meta.url)),
      env: { ...process.env, NODE_DEBUG: 'vineyard' }
    })
    const { socket, stream, lost } = JSON.parse(stdout) as Record<string, string>
    const lines = stderr.split('\n').filter(line => line.startsWith('VINEYARD '))
    const texts = lines.map(line => line.replace(/^VINEYARD \d+: /, '').replace(/[\d.]+ ms/, '# ms'))
    expect(texts).to.include.members([
      `connecting to ${socket} took # ms`,
      'register_request took # ms',
      `waiting for chunk of ${stream} took # ms`,
      `chunk of ${stream} written, 100000 bytes`,
      `chunk of ${stream} read, 100000 bytes`,
      `chunk of ${stream} given back, 100000 bytes`,
      `writer of ${lost}: VineyardError: the writer failed the stream`
    ])
    expect(texts.filter(text => text.includes('failed after'))).to.deep.equal([])
  })

  it('without it nothing is written', async () => {
    const cwd = fileURLToPath(new URL('../../../../', import.meta.url))
    const { stderr } = await run(process.execPath, ['--input-type=module', '--eval', program], { cwd })
    expect(stderr).to.equal('')
  })
})
