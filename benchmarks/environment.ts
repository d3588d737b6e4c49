import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, release, totalmem } from 'node:os'

/** What results depend on beside the code that was measured. */
export interface Environment {
  date: string
  commit: string
  processor: string
  processors: number
  memory: number
  system: string
  versions: Record<string, string>
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim()
  } catch {
    return 'unknown'
  }
}

/** Versions are pinned, so the package's own file knows them. */
function versionsOf(...names: string[]): Record<string, string> {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  const { dependencies, devDependencies } = JSON.parse(file) as Record<string, Record<string, string>>
  const all = { ...dependencies, ...devDependencies }
  return Object.fromEntries(names.map(name => [name, all[name] ?? 'unknown']))
}

export function environment(): Environment {
  const processors = cpus()
  return {
    date: new Date().toISOString(),
    commit: commit(),
    processor: processors[0]?.model ?? 'unknown',
    processors: processors.length,
    memory: totalmem(),
    system: `Linux ${release()}`,
    versions: { node: process.version, ...versionsOf('apache-arrow', 'zeromq') }
  }
}

/** One line for people. */
export function describeEnvironment(found: Environment): string {
  const { commit, processor, processors, memory, system, versions } = found
  const names = Object.entries(versions).map(([name, version]) => `${name} ${version}`)
  return `${processors} × ${processor}, ${(memory / 2 ** 30).toFixed(0)} GiB, ${system}; ${names.join(', ')}; commit ${commit}`
}
