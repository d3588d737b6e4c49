import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { Store } from 'vineyard-streams'
import { serving } from '../support/cluster.js'
import { Machine } from '../support/machine.js'
import { Network } from '../support/network.js'
import { Packed } from '../support/packed.js'
import { TcpProxy } from '../support/tcp-proxy.js'
import { upAndRunning } from '../support/up-and-running.js'
import { answers, freePort, needsVineyard } from '../support/vineyardd.js'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const guide = readFileSync(join(root, 'docs/deploying.md'), 'utf8')

/** The lines of code of a language in the section under a heading. */
function code(heading: string, language: 'sh' | 'js'): string[] {
  const [, section = ''] = new RegExp(`^##+ ${heading}\\n([^]*?)(?=^##)`, 'm').exec(guide) ?? []
  const blocks = section.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)\\n\`\`\``, 'gm'))
  return [...blocks].flatMap(([, block = '']) => block.split('\n'))
}

describe('The guide to deploying, followed', () => {
  let packed: Packed
  let network: Network | undefined
  let first: Machine
  let second: Machine
  /** Where the guide says 10.0.0.1:9600 and 10.0.0.2:9600. */
  let endpoints: string[]

  before(() => {
    packed = new Packed()
  })
  after(() => packed?.remove())
  beforeEach(async () => {
    network = Network.create()
    const spaces = [network?.add(), network?.add()]
    const addresses = spaces.map(space => space?.address ?? '127.0.0.1')
    // On one address there are not two ports 9600.
    const ports = await Promise.all(spaces.map(async space => (space ? '9600' : String(await freePort()))))
    const etcd = network ? '2379' : String(await freePort())
    ;[first, second] = spaces.map((space, index) => {
      const places = addresses.map((address, at) => [`10.0.0.${at + 1}`, address] as const)
      return new Machine(space?.name, [...places, ['2379', etcd], ['9600', ports[index] as string]])
    }) as [Machine, Machine]
    endpoints = addresses.map((address, index) => `tcp://${address}:${ports[index]}`)
  })
  afterEach(async () => {
    await Promise.all([first.close(), second.close()])
    network?.close()
  })

  it('runs the job on two machines', async function () {
    needsVineyard(this)
    let where = ''
    const steps: [machine: string, command: string][] = []
    for (const line of code('Two machines', 'sh')) {
      if (line.startsWith('# on ')) where = line.slice(5)
      else steps.push([where, line])
    }
    const both = steps.filter(([on]) => on === 'both').map(([, line]) => line)
    const [venv, install, profile, npmInstall, ...preparations] = both
    expect(venv).to.equal('python3 -m venv vineyard')
    const requirements = readFileSync(join(root, 'test/interop/requirements.txt'), 'utf8')
    for (const name of ['vineyard', 'vineyard-bdist']) {
      const [pinned] = new RegExp(`^${name}==.*$`, 'm').exec(requirements) ?? []
      expect(install).to.include(pinned)
    }
    expect(npmInstall).to.equal('npm install vineyard-streams apache-arrow')
    for (const machine of [first, second]) {
      machine.profile = profile as string
      packed.install(machine.folder)
      for (const line of preparations) expect(await machine.output(line)).to.equal('')
    }

    const jobs: Promise<string>[] = []
    for (const [on, line] of steps) {
      if (on === 'both') continue
      const [machine, endpoint] = on === '10.0.0.1' ? [first, endpoints[0]] : [second, endpoints[1]]
      if (line.startsWith('node')) jobs.push(machine.output(line))
      else if (line.startsWith('etcd')) await upAndRunning(machine.start(line), log => serving.test(log))
      else await upAndRunning(machine.start(line), () => answers(machine.socket, endpoint))
    }
    const [here, there, producer] = await Promise.all(jobs)
    expect([here, there]).to.deep.equal(['read 30 batches\n', 'read 30 batches\n'])
    const [, total] = /producer ends with `(.*?)`/.exec(guide) ?? []
    expect(producer).to.equal(`instance 0: 30 batches\ninstance 1: 30 batches\n${total}\n`)
  })

  it('reaches a store over TCP', async () => {
    const [serve = '', ...others] = code('Over TCP only', 'sh')
    expect(others).to.deep.equal([])
    // A password in the place of the guide's dots.
    for (const machine of [first, second]) packed.install(machine.folder)
    const child = first.start(serve.replace('=… ', '=secret '))
    await upAndRunning(child, log => log.includes('listening on'))
    second.profile = 'export VINEYARD_PASSWORD=secret'
    const program = `
      import { connect } from 'vineyard-streams'
      ${code('Over TCP only', 'js')
        .join('\n')
        .replace('9600', String(new URL(endpoints[0] as string).port))}
      console.log((await client.status()).rpcConnections)
      await client.close()`
    expect(await second.outputOf(program)).to.equal('1\n')
  })

  it('reconnects by the recipe', async () => {
    const machine = new Machine(undefined, [])
    packed.install(machine.folder)
    const store = await Store.start({ size: '1Mi', rpc: { port: 0 } })
    const proxy = await TcpProxy.start(`tcp://${store.rpcEndpoint}`)
    try {
      const program = `
        import { ByteStream, connect } from 'vineyard-streams'
        ${code('Reconnecting', 'js').join('\n')}
        let attempts = 0
        const text = await persistently('${proxy.address}', async client => {
          const stream = await ByteStream.create(client)
          const writer = await stream.openWriter()
          const reading = (await stream.openReader()).next()
          attempts += 1
          if (attempts > 1) await writer.append(Buffer.from('whole'))
          else console.log('waiting')
          return String((await reading).value)
        })
        console.log(text, attempts)
        const wrong = persistently('${proxy.address}', () => Promise.reject(new TypeError('not the line')))
        await wrong.catch(error => console.log(error.message))`
      const output = await machine.outputOf(program, () => proxy.cut())
      expect(output).to.equal('waiting\nwhole 2\nnot the line\n')
    } finally {
      proxy.close()
      await store.close()
      await machine.close()
    }
  })
})
