import { once } from 'node:events'
import { existsSync, mkdtempSync, openSync, closeSync, rmSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { connect, Store } from 'vineyard-streams'
import { cliMain, CliProcess } from '../../support/cli.js'

describe('serve', () => {
  let folder: string
  before(() => (folder = mkdtempSync(join(tmpdir(), 'vineyard-serve-'))))
  after(() => rmSync(folder, { recursive: true }))

  /** Runs it until it says where it listens, and ends it with a signal. */
  async function served(
    args: readonly string[],
    environment: string,
    signal: NodeJS.Signals,
    work: (socket: string, said: string) => Promise<void>
  ): Promise<{ stdout: string; stderr: string }> {
    const child = new CliProcess(['serve', '--size', '1Mi', ...args], environment)
    while (!child.stderr.includes('\n')) await once(child.child.stderr!, 'data')
    const socket = /^listening on (\S+)/.exec(child.stderr)?.[1] as string
    await work(socket, child.stderr)
    child.child.kill(signal)
    const { code, stdout, stderr } = await child.end()
    expect(code, stderr).to.equal(0)
    expect(existsSync(socket)).to.equal(false)
    return { stdout, stderr }
  }

  const reachable = async (address: string): Promise<void> => (await connect(address)).close()

  it('without a path chooses one and prints it; SIGINT ends it with 0 and leaves no socket', async () => {
    let chosen = ''
    const { stdout } = await served([], '', 'SIGINT', async socket => {
      chosen = socket
      await reachable(socket)
    })
    expect(stdout).to.equal(`${chosen}\n`)
  })

  it('listens where the others would look, and SIGTERM ends it too', async () => {
    const path = join(folder, 'from-environment.sock')
    const { stdout } = await served([], path, 'SIGTERM', async socket => {
      expect(socket).to.equal(path)
      await reachable(socket)
    })
    expect(stdout).to.equal('')
  })

  it('ends with its terminal, too', async () => {
    await served([], join(folder, 'terminal.sock'), 'SIGHUP', reachable)
  })

  it('takes a bare number for a port', async () => {
    await served(['--rpc', '0'], join(folder, 'port.sock'), 'SIGINT', async (_, said) => {
      const [, port] = /and 127\.0\.0\.1:(\d+)/.exec(said) ?? []
      await reachable(`tcp://127.0.0.1:${port}`)
    })
  })
})

describe('An output that cannot be written', () => {
  for (const args of [['ls'], ['status'], ['ls', '--help']]) {
    it(`${args.join(' ')}: one line that says so, and 1`, async () => {
      const store = await Store.start({ size: '1Mi' })
      const full = openSync('/dev/full', 'w')
      const env = { ...process.env, VINEYARD_IPC_SOCKET: store.socket }
      const child = spawn(process.execPath, [cliMain, ...args], { env, stdio: ['ignore', full, 'pipe'] })
      closeSync(full)
      const [said, [code]] = await Promise.all([text(child.stderr!), once(child, 'exit')])
      expect(code).to.equal(1)
      expect(said).to.match(/^vineyard-streams: [^\n]*ENOSPC[^\n]*\n$/)
      await store.close()
    })
  }

  it('whoever reads it goes away: not a word, and 0', async () => {
    const store = await Store.start({ size: '1Mi' })
    const env = { ...process.env, VINEYARD_IPC_SOCKET: store.socket }
    const child = spawn(process.execPath, [cliMain, 'status'], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    child.stdout.destroy()
    const [said, [code]] = await Promise.all([text(child.stderr), once(child, 'exit')])
    expect({ code, said }).to.deep.equal({ code: 0, said: '' })
    await store.close()
  })
})
