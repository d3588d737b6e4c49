import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'

const run = promisify(execFile)
const root = new URL('../../', import.meta.url)

describe('README.md', () => {
  it('has a first program of under 20 lines that runs as it is pasted', async () => {
    const readme = await readFile(new URL('README.md', root), 'utf8')
    const program = /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
    expect(program.trim().split('\n')).to.have.length.below(20)
    // Inside the package its own name resolves to what is shipped.
    const file = new URL('build/readme-program.mjs', root)
    await writeFile(file, program)
    const { stdout } = await run(process.execPath, [fileURLToPath(file)])
    expect(stdout).to.include('"id": 1, "price": 0.5')
  })
})
