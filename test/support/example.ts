import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { python } from './vineyardd.js'

const run = promisify(execFile)

/** What a program of examples/ prints, run as it stands. Rejects with its standard error output where it fails. */
export async function runExample(
  name: string,
  args: readonly string[] = [],
  env: NodeJS.ProcessEnv = {}
): Promise<{ stdout: string; stderr: string }> {
  const file = fileURLToPath(new URL(`../../../examples/${name}`, import.meta.url))
  return run(process.execPath, [file, ...args], {
    env: { ...process.env, PYTHON: python, PYTHONDONTWRITEBYTECODE: '1', ...env }
  })
}
