#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { catCommand } from './cat.js'
import { exitCodeOf } from './context.js'
import { demoCommand } from './demo.js'
import { dropCommand } from './drop.js'
import { lsCommand } from './ls.js'
import { pipeCommand } from './pipe.js'
import { serveCommand } from './serve.js'
import { statusCommand } from './status.js'
import { topCommand } from './top.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const commands = [
  serveCommand(),
  statusCommand(),
  lsCommand(),
  topCommand(),
  catCommand(),
  pipeCommand(),
  dropCommand(),
  demoCommand()
]
const program = new Command('vineyard-streams')
  .description('Vineyard streams for Node.js: an embedded store and tools around it')
  .version(version)
  .exitOverride()
for (const command of commands) program.addCommand(command.exitOverride())
program.addHelpText(
  'after',
  '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 no server, 4 no such object or name, 130 interrupted'
)

// A reader of our output that goes away ends us without a word, as every tool in a pipe does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  process.exit(0)
})

try {
  await program.parseAsync()
} catch (error) {
  const { code, message, exitCode } = error as Error & { code?: string; exitCode?: number }
  const shown = code?.startsWith('commander.') === true
  if (!shown) console.error(`vineyard-streams: ${message}${code === undefined ? '' : ` (${code})`}`)
  process.exitCode = exitCode === 0 ? 0 : exitCodeOf(error)
}
