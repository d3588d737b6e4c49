import { execFile, type PromiseWithChild } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { python } from './vineyardd.js'

const run = promisify(execFile)

/** What a program prints. */
interface Output {
  stdout: string
  stderr: string
}

/**
 * What a program of examples/ prints, run as it stands, and its process as `child`. Rejects where it fails, with the same and its
 * exit code or the signal.
 */
export function runExample(
  name: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {}
): PromiseWithChild<Output> {
  const file = fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))
  return run(process.execPath, [file, ...args], {
    env: { ...process.env, PYTHON: python, PYTHONDONTWRITEBYTECODE: '1', ...env }
  })
}
