import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'

const run = promisify(execFile)
const root = new URL('../../', import.meta.url)

/** The whole programs of a page: other code blocks are parts that only make sense where they stand. */
function programs(page: string): string[] {
  const text = readFileSync(new URL(page, root), 'utf8')
  return [...text.matchAll(/```js\n(import [\s\S]*?)```/g)].map(([, program]) => program ?? '')
}

async function output(program: string): Promise<string> {
  // Inside the package its own name resolves to what is shipped.
  const file = new URL('build/page-program.mjs', root)
  await writeFile(file, program)
  return (await run(process.execPath, ['--expose-gc', fileURLToPath(file)])).stdout
}

describe('README.md', () => {
  it('has a first program of under 20 lines that runs as it is pasted', async () => {
    const [program = ''] = programs('README.md')
    expect(program.trim().split('\n')).to.have.length.below(20)
    expect(await output(program)).to.include('"id": 1, "price": 0.5')
  })
})

describe('The guides', () => {
  for (const page of ['docs/lifetimes.md', 'docs/backpressure.md', 'docs/streams.md', 'docs/python.md']) {
    programs(page).forEach((program, index) => {
      it(`${page}, program ${index + 1}: prints what it says`, async () => {
        // Comments at the end of lines that print say what.
        const expected = [...program.matchAll(/console\.log\(.*\/\/ (.*)$/gm)].map(([, text]) => text)
        expect(expected).to.not.be.empty
        const lines = (await output(program)).trim().split('\n')
        for (const line of expected) expect(lines).to.include(line)
      })
    })
  }
})
