import { CommanderError } from 'commander'

/** Exit codes; docs/cli.md lists them. 128 + the number of a signal is what shells expect of its death. */
const exitCodes = { done: 0, failed: 1, usage: 2, noServer: 3, notFound: 4, interrupted: 130 } as const

/** The command line asks for something that makes no sense, whatever the server says. */
export class UsageError extends Error {}

/** SIGINT, SIGTERM or SIGHUP has ended a command before it was done. */
export class Interrupted extends Error {}

const wrongArguments = ['ERR_INVALID_ARG_VALUE', 'ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE']
const withoutServer = ['ERR_VINEYARD_CONNECT', 'ERR_VINEYARD_AUTH']

export function exitCodeOf(error: unknown): number {
  const code = codeOf(error)
  if (error instanceof Interrupted) return exitCodes.interrupted
  // A reader of our output that goes away ends us without a word, as every tool in a pipe does.
  if (code === 'EPIPE') return exitCodes.done
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  if (error instanceof UsageError || wrongArguments.includes(code)) return exitCodes.usage
  if (withoutServer.includes(code)) return exitCodes.noServer
  return code === 'ERR_VINEYARD_NOT_FOUND' ? exitCodes.notFound : exitCodes.failed
}

/** What the error output is told of a failure: one line, or nothing where that has been said or goes without saying. */
export function failureText(error: unknown): string {
  const code = codeOf(error)
  if (error instanceof CommanderError || error instanceof Interrupted || code === 'EPIPE') return ''
  const message = error instanceof Error ? error.message : String(error)
  return failureLine(code === '' || message.includes(code) ? message : `${message} (${code})`)
}

export function failureLine(message: string): string {
  return `vineyard-streams: ${message.trim().replaceAll(/\s*\n\s*/g, ' ')}\n`
}

function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null | undefined)?.code
  return typeof code === 'string' ? code : ''
}
