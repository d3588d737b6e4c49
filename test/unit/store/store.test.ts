import { expect } from 'chai'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Store } from '#dist/store/store.js'
import { VineyardError } from '#dist/errors.js'
import { atRest } from '../../support/own-resources.js'
import { RawClient } from './raw-client.js'

const storeModule = new URL('../../../../dist/store/store.js', import.meta.url).href

describe('Store', () => {
  it('serves on a thread of its own, and tells its status', async () => {
    const store = await Store.start({ size: '16Mi' })
    const client = await RawClient.connect(store.socket)
    // This thread is busy; the store answers all the same.
    client.send('debug_command', { debug: null })
    const end = performance.now() + 50
    while (performance.now() < end);
    expect((await client.next()).type).to.equal('debug_reply')
    expect(await store.status()).to.include({
      instanceId: 0,
      deployment: 'local',
      memoryUsage: 0,
      memoryLimit: 16 * 2 ** 20,
      ipcConnections: 1,
      rpcConnections: 0,
      deferredRequests: 0
    })
    expect(store.rpcEndpoint).to.equal(undefined)
    client.close()
    await store.close()
  })

  it('ends without leaving anything, however often it is closed', async () => {
    const count = (): number => readdirSync('/proc/self/fd').length + readdirSync('/proc/self/task').length
    await (await Store.start({ size: '1Mi' })).close()
    const before = await atRest(count)
    for (let i = 0; i < 5; i += 1) {
      const store = await Store.start({ size: '1Mi' })
      await Promise.all([store.close(), store.close({ drain: 1 })])
      await store[Symbol.asyncDispose]()
      expect(existsSync(dirname(store.socket))).to.equal(false)
      const error: any = await store.status().catch((e: unknown) => e)
      expect(error).to.be.instanceOf(VineyardError)
      expect(error.code).to.equal('ERR_VINEYARD_CLOSED')
    }
    expect(await atRest(count)).to.equal(before)
  })

  const refused: [string, any, string, new (...args: any[]) => Error][] = [
    ['unknown options', { sze: 5, foo: 1 }, 'ERR_INVALID_ARG_VALUE', TypeError],
    ['a size that is none', { size: '12Q' }, 'ERR_OUT_OF_RANGE', RangeError],
    ['no size', { size: 0 }, 'ERR_OUT_OF_RANGE', RangeError],
    ['a size of another type', { size: {} }, 'ERR_INVALID_ARG_TYPE', TypeError],
    ['too large a size', { size: '300Gi' }, 'ERR_OUT_OF_RANGE', RangeError],
    ['a socket that is no path', { socket: 5 }, 'ERR_INVALID_ARG_TYPE', TypeError],
    ['an empty path', { socket: '' }, 'ERR_INVALID_ARG_VALUE', TypeError],
    ['a path that is too long', { socket: `/tmp/${'x'.repeat(110)}` }, 'ERR_OUT_OF_RANGE', RangeError],
    ['a path in no directory', { socket: '/nonexistent/a.sock' }, 'ERR_VINEYARD_SERVER', VineyardError],
    [
      'RPC for other machines without a password',
      { rpc: { host: '0.0.0.0', port: 0 } },
      'ERR_INVALID_ARG_VALUE',
      TypeError
    ],
    ['RPC on a port that is none', { rpc: { port: 70000 } }, 'ERR_OUT_OF_RANGE', RangeError],
    [
      'RPC on a host of another machine',
      { rpc: { host: '192.0.2.1', port: 0 }, username: 'a', password: 'b' },
      'ERR_VINEYARD_SERVER',
      VineyardError
    ],
    ['a user name without password', { username: 'x' }, 'ERR_INVALID_ARG_VALUE', TypeError],
    ['no options', null, 'ERR_INVALID_ARG_TYPE', TypeError]
  ]
  for (const [what, options, code, type] of refused) {
    it(`refuses ${what} with ${code}`, async () => {
      const error: any = await Store.start(options).catch((e: unknown) => e)
      expect(error).to.be.instanceOf(type)
      expect(error.code).to.equal(code)
    })
  }

  it('names the options that are unknown', async () => {
    const error: any = await Store.start({ sze: 5 } as any).catch((e: unknown) => e)
    expect(error.message).to.include('sze').and.include('size')
  })

  it('keeps the cause of what the system refuses', async () => {
    const error: any = await Store.start({ socket: '/nonexistent/a.sock' }).catch((e: unknown) => e)
    expect(error.cause).to.include({ code: 'ENOENT' })
  })

  it('says what the system said where the directory is there', async () => {
    const error: any = await Store.start({ socket: '/proc/a.sock' }).catch((e: unknown) => e)
    expect(error.code).to.equal('ERR_VINEYARD_SERVER')
    expect(error.message).to.contain(error.cause.message).and.not.contain('no directory')
  })

  it('needs a $TMPDIR to make its own directory in, and leaves nothing without', async () => {
    const { TMPDIR } = process.env
    const descriptors = (): number => readdirSync('/proc/self/fd').length
    await (await Store.start({ size: '1Mi' })).close()
    const before = await atRest(descriptors)
    process.env['TMPDIR'] = '/nonexistent'
    try {
      const error: any = await Store.start({ size: '1Mi' }).catch((e: unknown) => e)
      expect(error).to.be.instanceOf(VineyardError)
      expect(error).to.include({ code: 'ERR_VINEYARD_SERVER' })
      expect(error.message).to.contain('/nonexistent/')
      expect(error.cause).to.include({ code: 'ENOENT', syscall: 'mkdtemp' })
    } finally {
      if (TMPDIR === undefined) delete process.env['TMPDIR']
      else process.env['TMPDIR'] = TMPDIR
    }
    expect(await atRest(descriptors)).to.equal(before)
  })

  it('says that a live server has the socket', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'store-test-'))
    const socket = join(directory, 'a.sock')
    const store = await Store.start({ socket, size: '1Mi' })
    const error: any = await Store.start({ socket, size: '1Mi' }).catch((e: unknown) => e)
    expect(error.code).to.equal('ERR_VINEYARD_EXISTS')
    await store.close()
    rmSync(directory, { recursive: true })
  })

  it('refuses wrong options of close(), and can still be closed', async () => {
    const store = await Store.start({ size: '1Mi' })
    for (const options of [{ drian: 1 }, { drain: -1 }, { drain: 'x' }] as any[]) {
      const error: any = await store.close(options).catch((e: unknown) => e)
      expect(error.code).to.match(/^ERR_(INVALID_ARG_(VALUE|TYPE)|OUT_OF_RANGE)$/)
    }
    await store.close()
    expect(existsSync(store.socket)).to.equal(false)
  })

  describe('in a process of its own', () => {
    const run = (code: string): ReturnType<typeof spawnSync> => {
      const script = `import { Store } from ${JSON.stringify(storeModule)}\nimport fs from 'node:fs'\n${code}`
      return spawnSync(process.execPath, ['--input-type=module', '-e', script], {
        encoding: 'utf8',
        timeout: 20_000,
        cwd: fileURLToPath(new URL('.', import.meta.url))
      })
    }

    it('keeps the process alive until it is closed', () => {
      const code = "const s = await Store.start({ size: '1Mi' }); setTimeout(() => s.close(), 300).unref()\n"
      const start = performance.now()
      const { status, stderr } = run(`${code}process.on('exit', () => fs.writeSync(1, 'bye'))`)
      expect(stderr).to.equal('')
      expect(status).to.equal(0)
      expect(performance.now() - start).to.be.above(300)
    })

    it('lets the process end after unref(), and removes its socket', () => {
      const { status, stdout, stderr } = run(
        "const s = await Store.start({ size: '1Mi' }); await s.status(); s.unref(); console.log(s.socket)"
      )
      expect(stderr).to.equal('')
      expect(status).to.equal(0)
      expect(existsSync(dirname(String(stdout).trim()))).to.equal(false)
    })

    it('removes its socket when the process exits without close()', () => {
      const { status, stdout } = run(
        "const s = await Store.start({ size: '1Mi' }); fs.writeSync(1, s.socket); process.exit(3)"
      )
      expect(status).to.equal(3)
      expect(existsSync(dirname(String(stdout).trim()))).to.equal(false)
    })
  })
})
