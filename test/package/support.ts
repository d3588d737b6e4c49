import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
export const root = fileURLToPath(new URL('../../../', import.meta.url))
/** Pinned package managers and versions of Node: `npm ci --prefix test/package/tools`. */
const tools = join(root, 'test/package/tools/node_modules')

/** The packed package: `npm run test:package` makes it. */
export const tarball = process.env['VINEYARD_TEST_TARBALL'] ?? ''

/** The executable of each version of Node. */
export const nodes: Record<string, string> = {
  20: process.execPath,
  22: join(tools, 'node-22/bin/node'),
  24: join(tools, 'node-24/bin/node'),
  26: join(tools, 'node-26/bin/node')
}

/** What users of the package need besides it. */
const arrow = 'apache-arrow@21.2.0'

/** The programs of the managers, and how each installs. Install scripts are off everywhere. */
export const managers: Record<string, { program: string; args: string[]; node: string }> = {
  npm: { program: npmOfNode(), args: ['install', '--ignore-scripts'], node: '20' },
  'npm 12': { program: join(tools, 'npm/bin/npm-cli.js'), args: ['install', '--ignore-scripts'], node: '24' },
  pnpm: { program: join(tools, 'pnpm/bin/pnpm.cjs'), args: ['add', '--ignore-scripts'], node: '20' },
  yarn: { program: join(tools, '@yarnpkg/cli-dist/bin/yarn.js'), args: ['add'], node: '20' }
}

function npmOfNode(): string {
  // npm tells its scripts where it is.
  return process.env['npm_execpath'] ?? ''
}

/** The first program of the README, as it is pasted. */
export async function readmeProgram(): Promise<string> {
  const readme = await readFile(join(root, 'README.md'), 'utf8')
  return /```js\n([\s\S]*?)```/.exec(readme)?.[1] ?? ''
}

/** A project of a user, in a folder of its own on a machine that has Node and nothing else. */
export class Project {
  readonly folder = mkdtempSync(join(tmpdir(), 'vineyard-project-'))
  readonly #env: NodeJS.ProcessEnv
  readonly #node: string

  constructor(nodeVersion = '20') {
    this.#node = nodes[nodeVersion] as string
    // No compiler, no Python, no shell, no settings of whoever runs the tests.
    mkdirSync(join(this.folder, 'bin'))
    symlinkSync(this.#node, join(this.folder, 'bin/node'))
    this.#env = {
      PATH: join(this.folder, 'bin'),
      HOME: this.folder,
      YARN_ENABLE_SCRIPTS: 'false',
      YARN_ENABLE_TELEMETRY: 'false',
      NODE_EXTRA_CA_CERTS: process.env['NODE_EXTRA_CA_CERTS']
    }
    this.write('package.json', '{ "name": "project", "private": true, "type": "module" }')
    // Yarn would look for a project around this one.
    this.write('yarn.lock', '')
  }

  write(path: string, content: string): void {
    writeFileSync(join(this.folder, path), content)
  }

  /** Installs the tarball with one of `managers`. */
  async install(manager: string): Promise<void> {
    const { program, args } = managers[manager] as { program: string; args: string[] }
    const what = manager === 'yarn' ? `vineyard-streams@file:${tarball}` : tarball
    await this.node([program, ...args, what, arrow])
  }

  /** Runs Node with arguments and answers what it printed. */
  async node(args: string[]): Promise<string> {
    const { stdout, stderr } = await run(this.#node, args, { cwd: this.folder, env: this.#env }).catch(
      (error: unknown) => {
        const { message, stdout: out } = error as Error & { stdout: string }
        throw new Error(`${message}\n${out}`, { cause: error })
      }
    )
    return stdout + stderr
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/** Runs a program of the system on this machine and answers its output. */
export async function output(program: string, args: string[]): Promise<string> {
  return (await run(program, args)).stdout
}
