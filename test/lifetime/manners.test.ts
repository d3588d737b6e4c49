import { expect } from 'chai'
import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { endProcesses, TestProcess } from '../support/processes.js'

const dist = fileURLToPath(new URL('../../../dist/', import.meta.url))

/** What the library is made of; the command line is a program of its own. */
function modules(): string[] {
  return (readdirSync(dist, { recursive: true }) as string[]).filter(
    name => name.endsWith('.js') && !name.startsWith('cli/')
  )
}

describe('Manners', () => {
  afterEach(endProcesses)

  it('no module of the library names the console, the standard streams, signals, or the end of the process', () => {
    const rude =
      /\bconsole\s*\.|process\s*\.\s*(stdout|stderr|stdin|exit\b|abort|kill\b(?!\(.*, 0\))|exitCode)|'SIG[A-Z]+'|'(un)?handledRejection'|'uncaughtException/
    const found = modules().filter(name => {
      const code = readFileSync(`${dist}${name}`, 'utf8').replaceAll(/\/\*[^]*?\*\/|\/\/.*$/gm, '')
      return rude.test(code)
    })
    expect(found).to.deep.equal([])
    expect(modules()).to.have.length.above(100)
  })

  it('a session listens to no signal and no failure of the process, prints nothing, and handles its rejections', async () => {
    const child = new TestProcess('manners', {}, { execArgv: ['--unhandled-rejections=strict'] })
    const [listeners] = await child.rest()
    // A store removes its socket at the end of the process; nothing else is listened to.
    const { before, during, after } = listeners as Record<string, Record<string, number>>
    expect(during).to.deep.equal({ ...before, exit: (before?.['exit'] ?? 0) + 1 })
    expect(after).to.deep.equal(before)
    expect(child.stderr).to.equal('')
    expect(child.stdout).to.equal('')
  })
})
