import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { VineyardError } from 'vineyard-streams'
import { loadAddon } from '#dist/load-addon.js'
import { binary } from '../native/support.js'

const run = promisify(execFile)
const target = `${process.platform}-${process.arch}`

describe('The loader of the native binary', () => {
  let root: string
  let asked: string | undefined
  beforeEach(() => {
    root = `${mkdtempSync(join(tmpdir(), 'vineyard-loader-'))}/`
    asked = process.env['VINEYARD_STREAMS_BUILD']
    delete process.env['VINEYARD_STREAMS_BUILD']
  })
  afterEach(() => {
    if (asked !== undefined) process.env['VINEYARD_STREAMS_BUILD'] = asked
    rmSync(root, { recursive: true })
  })

  function place(path: string, content?: string): void {
    mkdirSync(dirname(root + path), { recursive: true })
    if (content === undefined) copyFileSync(binary, root + path)
    else writeFileSync(root + path, content)
  }

  for (const path of [
    `prebuilds/${target}/vineyard_streams.node`,
    `prebuilds/${target}-musl/vineyard_streams.node`,
    'native/build/Release/vineyard_streams.node'
  ]) {
    it(`finds ${path}`, () => {
      place(path)
      expect(loadAddon(root)).to.include.keys('connect', 'map')
    })
  }

  it('goes on to the next when one cannot be loaded', () => {
    place(`prebuilds/${target}/vineyard_streams.node`, 'no binary')
    place('native/build/Release/vineyard_streams.node')
    expect(loadAddon(root)).to.include.keys('connect', 'map')
  })

  it('says what it tried and what to do when there is none', () => {
    place(`prebuilds/${target}/vineyard_streams.node`, 'no binary')
    const error = caught(() => loadAddon(root))
    expect(error).to.be.instanceOf(VineyardError).with.property('code', 'ERR_VINEYARD_NO_BINARY')
    expect(error.message).to.match(
      new RegExp(`${root}prebuilds/${target}/vineyard_streams.node: .*(short|ELF)`)
    )
    expect(error.message).to.include(`${root}native/build/Release/vineyard_streams.node: Cannot find module`)
    expect(error.message).to.include('npm ci')
  })

  it('takes only the build of the checkout that VINEYARD_STREAMS_BUILD asks for', async () => {
    place(`prebuilds/${target}/vineyard_streams.node`)
    const program = `import { loadAddon } from '#dist/load-addon.js'; loadAddon(${JSON.stringify(root)})`
    const outcome = run(process.execPath, ['--input-type=module', '-e', program], {
      env: { ...process.env, VINEYARD_STREAMS_BUILD: 'Debug' }
    })
    const { stderr } = await outcome.catch((error: unknown) => error as { stderr: string })
    expect(stderr).to.include(`${root}native/build/Debug/vineyard_streams.node`).and.not.include('prebuilds/')
  })
})

function caught(action: () => unknown): Error {
  try {
    action()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}
