import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, lutimesSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect } from 'chai'
import { ByteStream, connect, RecordBatchStream, Store } from 'vineyard-streams'
import { frame } from '../support/frame.js'
import { rejection } from '../support/rejection.js'

/** As if it had been made an hour ago: a younger one may be about to come alive. */
function age(socket: string): void {
  const then = new Date(Date.now() - 3_600_000)
  lutimesSync(socket, then, then)
}

describe('What a store leaves', () => {
  it('in a worker that was terminated is removed by the next start, and a living one is not', async () => {
    const module = JSON.stringify(import.meta.resolve('vineyard-streams'))
    const worker = new Worker(
      `import(${module}).then(async ({ Store }) => {
         const store = await Store.start({ size: '1Mi' })
         require('node:worker_threads').parentPort.postMessage(store.socket)
       })`,
      { eval: true }
    )
    const [socket] = (await once(worker, 'message')) as [string]
    const living = await Store.start({ size: '1Mi' })
    await worker.terminate()
    age(socket)
    age(living.socket)
    const next = await Store.start({ size: '1Mi' })
    expect([socket, dirname(socket), living.socket].map(path => existsSync(path))).to.deep.equal([
      false,
      false,
      true
    ])
    await (await connect(living.socket)).close()
    await Promise.all([living.close(), next.close()])
  })

  it('at its path when it was killed is replaced by the next one', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'vineyard-killed-'))
    const socket = join(directory, 'store.sock')
    const script = `
      import { Store } from ${JSON.stringify(import.meta.resolve('vineyard-streams'))}
      await Store.start({ socket: ${JSON.stringify(socket)}, size: '1Mi' })
      console.log('started')`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit']
    })
    await once(child.stdout, 'data')
    const refused = await rejection(Store.start({ socket, size: '1Mi' }))
    expect(refused.code).to.equal('ERR_VINEYARD_EXISTS')
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    expect(existsSync(socket)).to.equal(true)
    const next = await Store.start({ socket, size: '1Mi' })
    await (await connect(socket)).close()
    await next.close()
    rmSync(directory, { recursive: true })
  })

  describe('is nothing after SIGTERM to `serve`', () => {
    let directory: string
    let socket: string
    let child: ChildProcess
    let exited: Promise<unknown[]>
    async function serve(...nodeOptions: string[]): Promise<void> {
      const program = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url))
      directory = mkdtempSync(join(tmpdir(), 'vineyard-serve-'))
      socket = join(directory, 'store.sock')
      const args = [...nodeOptions, program, 'serve', '--socket', socket, '--size', '1Mi']
      child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
      exited = once(child, 'exit')
      const { stderr } = child as ChildProcess & { stderr: Readable }
      await once(stderr, 'data')
      stderr.resume()
    }
    afterEach(() => {
      child.kill('SIGKILL')
      rmSync(directory, { recursive: true })
    })

    async function endsWell(): Promise<void> {
      expect(await exited).to.deep.equal([0, null])
      expect(readdirSync(directory)).to.be.empty
    }

    it('and its clients learn of it', async () => {
      await serve()
      const client = await connect(socket)
      const stream = await RecordBatchStream.create(client)
      const waiting = rejection((await stream.openReader()).next())
      child.kill('SIGTERM')
      await endsWell()
      expect((await waiting).code).to.be.oneOf(['ERR_VINEYARD_CONNECTION_LOST', 'ERR_VINEYARD_STREAM_FAILED'])
      await client.close()
    })

    it('though a client does not take its replies', async () => {
      await serve()
      const deaf = createConnection(socket)
      deaf.on('error', () => {})
      for (const request of [
        { type: 'register_request', store_type: 1 },
        { type: 'create_data_request', content: { typename: 'T', instance_id: 0, v: 'x'.repeat(50_000) } },
        ...Array<object>(300).fill({ type: 'list_data_request', pattern: '*', regex: false, limit: 10 })
      ]) {
        deaf.write(frame(JSON.stringify(request)))
      }
      // All of the requests are handled in one go, as far as there is room for replies. None of those is read.
      await once(deaf, 'readable')
      child.kill('SIGTERM')
      await endsWell()
      deaf.destroy()
    })

    it('at once when it is sent again, though a reader is still to take what there is', async () => {
      // Without it the five seconds that readers have would end what is to end at once.
      await serve('--import', 'data:text/javascript,performance.now = () => 0')
      const client = await connect(socket)
      const stream = await ByteStream.create(client)
      const writer = await stream.openWriter()
      await writer.append(Buffer.from('never read'))
      await writer.finish()
      const reader = await stream.openReader()
      child.kill('SIGTERM')
      while (existsSync(socket)) await new Promise(setImmediate)
      child.kill('SIGTERM')
      await endsWell()
      await reader.close()
      await client.close()
    })
  })
})
