#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { serveCommand } from './serve.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('vineyard-streams')
  .description('Vineyard streams for Node.js: an embedded store and tools around it')
  .version(version)
  .addCommand(serveCommand())

try {
  await program.parseAsync()
} catch (error) {
  const { code, message } = error as Error & { code?: string }
  console.error(`vineyard-streams: ${message}${code === undefined ? '' : ` (${code})`}`)
  process.exitCode = 1
}
