import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { connect, RecordBatchStream, Store } from 'vineyard-streams'
import { seedBatch } from './support/batches.js'
import { needsVineyard, python } from './support/vineyardd.js'

const run = promisify(execFile)
const root = new URL('../../', import.meta.url)

/** The code blocks of a page, in their order. */
function blocks(page: string, language: 'js' | 'python'): string[] {
  const text = readFileSync(new URL(page, root), 'utf8')
  return [...text.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(
    ([, code]) => code ?? ''
  )
}

async function output(program: string, env: NodeJS.ProcessEnv = {}): Promise<string> {
  // Inside the package its own name resolves to what is shipped.
  const file = new URL('build/page-program.mjs', root)
  await writeFile(file, program)
  const options = { env: { ...process.env, ...env } }
  return (await run(process.execPath, ['--expose-gc', fileURLToPath(file)], options)).stdout
}

/** The text with each of these replaced, all of which must be in it. */
function replaced(text: string, replacements: Record<string, string>): string {
  for (const [from, to] of Object.entries(replacements)) {
    expect(text).to.include(from)
    text = text.replaceAll(from, () => to)
  }
  return text
}

describe('README.md', () => {
  it('has a first program of under 20 lines that runs as it is pasted', async () => {
    const [program = '', ...others] = blocks('README.md', 'js')
    expect(others).to.deep.equal([])
    expect(program.trim().split('\n')).to.have.length.below(20)
    expect(await output(program)).to.include('"id": 1, "price": 0.5')
  })
})

describe('The guides', () => {
  const pages = [
    'docs/lifetimes.md',
    'docs/backpressure.md',
    'docs/streams.md',
    'docs/python.md',
    'docs/watching.md'
  ]
  for (const page of pages) {
    blocks(page, 'js').forEach((program, index) => {
      it(`${page}, program ${index + 1}: prints what it says`, async () => {
        // Comments at the end of lines that print say what.
        const expected = [...program.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, text]) => text)
        expect(expected).to.not.be.empty
        const lines = (await output(program)).trim().split('\n')
        for (const line of expected) expect(lines).to.include(line)
      })
    })
  }

  describe('docs/deploying.md, with the addresses of a store', () => {
    let store: Store
    const password = 'p4ss'
    beforeEach(async () => {
      store = await Store.start({ size: '16Mi', rpc: { port: 0 }, username: 'app', password })
    })
    afterEach(() => store.close())

    /** What makes a whole program of each block, by something that is in it. */
    const programs: Record<string, (block: string) => string> = {
      // Its one instance is a cluster, too; what the block opens is then used.
      'perInstance: true': block =>
        replaced(block, {
          "connect('/var/run/vineyard.sock')": `connect('${store.socket}', { username: 'app', password: '${password}' })`
        }) +
        `import { tableFromArrays } from 'apache-arrow'
         writing.end(tableFromArrays({ n: Int32Array.of(1, 2) }))
         for await (const { numRows } of reading) console.log('used', numRows)
         await client.close()`,
      "connect('tcp://": block =>
        `import { connect } from 'vineyard-streams'
         ${replaced(block, { '10.0.0.1:9600': store.rpcEndpoint as string })}
         console.log('used', (await client.status()).rpcConnections)
         await client.close()`,
      'function persistently(': block =>
        `import { connect, VineyardError } from 'vineyard-streams'
         ${block}
         let attempts = 0
         process.env.VINEYARD_PASSWORD = ''
         const lost = new VineyardError('ERR_VINEYARD_CONNECTION_LOST', 'once')
         const other = await import('vineyard-streams').then(({ Store }) => Store.start({ size: '1Mi' }))
         await persistently(other.socket, async client => {
           if (++attempts === 1) throw lost
           console.log('used', attempts, await client.exists('o0000000000000001'))
         })
         await other.close()`
    }
    blocks('docs/deploying.md', 'js').forEach((block, index) => {
      it(`block ${index + 1} runs`, async () => {
        const kind = Object.keys(programs).find(text => block.includes(text))
        expect(kind, 'a block that this test does not know').to.be.a('string')
        const program = programs[kind as string] as (text: string) => string
        expect(await output(program(block), { VINEYARD_PASSWORD: password })).to.match(/^used /)
      })
    })
  })

  describe('Python on the other end', () => {
    for (const page of ['README.md', 'docs/python.md']) {
      // What is for a client over TCP is run by interop/over-tcp.test.ts.
      const near = blocks(page, 'python').filter(block => block.includes("'/tmp/vineyard.sock'"))
      near.forEach((block, index) => {
        it(`${page}, block ${index + 1}: reads what Node wrote`, async function () {
          needsVineyard(this)
          const store = await Store.start({ size: '16Mi' })
          try {
            const client = await connect(store.socket)
            const stream = await RecordBatchStream.create(client)
            const writing = stream.createWriteStream()
            writing.end(seedBatch(0, 10))
            const [id] = /'o…[^']*'/.exec(block) ?? []
            const program = replaced(block, {
              "'/tmp/vineyard.sock'": `'${store.socket}'`,
              [id as string]: `'${stream.id}'`
            })
            const { stdout } = await run(python, ['-c', `${program}\nprint('read')`])
            expect(stdout).to.match(page === 'README.md' ? /RecordBatch[\s\S]*read\n$/ : /read\n$/)
            await client.close()
          } finally {
            await store.close()
          }
        })
      })
    }
  })
})
