/**
 * What only a real terminal and a real browser can show: `top` and the progress of `pipe` in tmux, the page of `serve --ui`
 * in chromium. Run by `npm run test:live`; what is not installed is pending.
 */
import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { ByteStream, connect, Store, type Client } from 'vineyard-streams'
import { BrowserPage } from '../support/browser.js'
import { cliMain } from '../support/cli.js'

const run = promisify(execFile)

function have(program: string): boolean {
  try {
    execFileSync('which', [program], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

describe('Live screens', () => {
  let store: Store
  let client: Client
  let folder: string
  /** A tmux server of its own for each test: one that is still ending takes no new session. */
  let session: string
  let tests = 0
  const tmux = async (...args: string[]): Promise<string> =>
    (await run('tmux', ['-L', session, ...args])).stdout
  /** Looks at the terminal until it shows what is wanted; the watchdog is the test's. */
  const shows = async (wanted: RegExp): Promise<string> => {
    for (;;) {
      const screen = await tmux('capture-pane', '-p')
      if (wanted.test(screen)) return screen
      await delay(50)
    }
  }
  const open = (command: string): Promise<string> =>
    tmux('new-session', '-d', '-x', '120', '-y', '30', `VINEYARD_IPC_SOCKET=${store.socket} ${command}; echo "exit code $?"; sleep 60`) // prettier-ignore

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'vineyard-live-'))
    store = await Store.start({ size: '64Mi', ui: {} })
    client = await connect(store.socket)
  })
  beforeEach(() => {
    session = `vineyard-${process.pid}-${(tests += 1)}`
  })
  afterEach(async () => {
    // Fails where the test opened no terminal: then there is nothing to end.
    if (have('tmux')) await tmux('kill-server').catch(() => {})
  })
  after(async () => {
    await client.close()
    await store.close()
    rmSync(folder, { recursive: true })
  })

  it('top is live, and q leaves it', async function () {
    this.timeout(60_000)
    if (!have('tmux')) this.skip()
    const stream = await ByteStream.create(client, { name: 'watched' })
    const writer = await stream.openWriter()
    await open(`${process.execPath} ${cliMain} top --interval 0.1`)
    await shows(/watched +ByteStream +open +0 /)
    await writer.append(Buffer.alloc(300_000))
    const screen = await shows(/watched +ByteStream +open +1 +293 KiB/)
    expect(screen).to.match(/memory {3}\[[#.]{20}\]/)
    await tmux('send-keys', 'q')
    await shows(/exit code 0/)
    await writer.close()
    await stream.drop()
  })

  it('top leaves by Ctrl-C as well', async function () {
    this.timeout(60_000)
    if (!have('tmux')) this.skip()
    await open(`${process.execPath} ${cliMain} top`)
    await shows(/STREAM/)
    await tmux('send-keys', 'C-c')
    await shows(/exit code 0/)
  })

  it('pipe shows a bar with rate and time left while it is held up, and 100 % at its end', async function () {
    this.timeout(60_000)
    if (!have('tmux')) this.skip()
    const file = join(folder, 'data.bin')
    writeFileSync(file, Buffer.alloc(60 * 2 ** 20, 1))
    const stream = await ByteStream.create(client, { name: 'piped' })
    await open(`${process.execPath} ${cliMain} pipe ${file} --format bytes --to piped`)
    // Nobody reads yet: the window holds it at a quarter of the store.
    await shows(/data\.bin \[.+\] [1-9]\d?%.+MiB of 60\.0 MiB .+\/s .+ left/)
    let bytes = 0
    for await (const chunk of stream.createReadStream()) bytes += chunk.length
    expect(bytes).to.equal(60 * 2 ** 20)
    expect(await shows(/exit code 0/)).to.match(/100%/)
    await stream.drop()
  })

  it('the page of a store draws itself in a browser', async function () {
    this.timeout(120_000)
    if (!have('chromium')) this.skip()
    const stream = await ByteStream.create(client, { name: 'seen' })
    const writer = await stream.openWriter()
    await writer.append(Buffer.alloc(300_000))
    const page = await BrowserPage.open(store.uiUrl as string, join(folder, 'profile'))
    try {
      const text = 'document.body.innerText'
      while (!/live[^]*seen\s+ByteStream\s+open\s+1\s+293 KiB/.test(String(await page.evaluate(text))))
        await delay(50)
      // Both plots have something drawn in the colours of their lines, and nothing was refused or failed to load.
      const colours = `['memory', 'rate'].map(id => {
        const canvas = document.getElementById(id)
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
        const seen = new Set()
        for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) seen.add(data.slice(i, i + 3).join())
        return seen.size
      })`
      while (((await page.evaluate(colours)) as number[]).some(count => count < 3)) await delay(50)
      await writer.append(Buffer.alloc(300_000))
      while (!/open\s+2\s+586 KiB/.test(String(await page.evaluate(text)))) await delay(50)
      const picture = await page.screenshot()
      expect(picture.length).to.be.above(10_000)
      const kept = process.env['VINEYARD_SCREENSHOTS']
      if (kept !== undefined) writeFileSync(join(kept, 'ui.png'), picture)
    } finally {
      await page.close()
    }
    await writer.close()
    await stream.drop()
  })
})
