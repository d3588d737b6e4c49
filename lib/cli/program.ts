import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { catCommand } from './cat.js'
import { demoCommand } from './demo.js'
import { dropCommand } from './drop.js'
import { exitCodeOf, failureLine, failureText } from './exit.js'
import { write, type Host } from './host.js'
import { lsCommand } from './ls.js'
import { pipeCommand } from './pipe.js'
import { serveCommand } from './serve.js'
import { statusCommand } from './status.js'
import { topCommand } from './top.js'

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const commands = [
  serveCommand,
  statusCommand,
  lsCommand,
  topCommand,
  catCommand,
  pipeCommand,
  dropCommand,
  demoCommand
]

/** Runs a command line to its end: its exit code. It says on the host's error output what went wrong, and never rejects. */
export async function run(args: readonly string[], host: Host): Promise<number> {
  // Whoever writes is told of errors of the output, but what writes help and version cannot be.
  let broken: Error | undefined
  const onError = (error: Error): void => void (broken ??= error)
  host.stdout.on('error', onError)
  // There is nobody else to be told.
  host.stderr.on('error', () => {})
  let failure: unknown
  try {
    await program(host).parseAsync(args, { from: 'user' })
  } catch (error) {
    failure = error
  }
  await write(host.stdout, '').catch(onError)
  if (broken !== undefined && exitCodeOf(failure) === 0) failure = broken
  if (failure === undefined) return 0
  await write(host.stderr, failureText(failure)).catch(() => {})
  return exitCodeOf(failure)
}

function program(host: Host): Command {
  const settings = (command: Command): Command =>
    command.exitOverride().configureOutput({
      writeOut: text => host.stdout.write(text),
      writeErr: text => host.stderr.write(text),
      outputError: (text, show) => show(failureLine(text.replace(/^error: /, '')))
    })
  const top = settings(new Command('vineyard-streams'))
    .description('Vineyard streams for Node.js: an embedded store and tools around it')
    .version(version)
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 no server, 4 no such object or name, 130 interrupted\n\nExamples:\n' +
        '  $ vineyard-streams serve --socket /tmp/vineyard.sock &\n' +
        '  $ export VINEYARD_IPC_SOCKET=/tmp/vineyard.sock\n' +
        '  $ vineyard-streams pipe prices.csv --name prices\n' +
        '  $ vineyard-streams cat prices'
    )
  for (const command of commands) top.addCommand(settings(command(host)))
  return top
}
