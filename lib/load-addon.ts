import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { VineyardError } from './errors.js'
import type { NativeAddon } from './native.js'

const require = createRequire(import.meta.url)

/**
 * Where a binary can be, in the order they are tried: packed with the package, then built in a source checkout.
 * VINEYARD_STREAMS_BUILD=Debug or Release asks for a build of the checkout and nothing else.
 */
function candidates(root: string): string[] {
  const build = process.env['VINEYARD_STREAMS_BUILD']
  const built = `${root}native/build/${build ?? 'Release'}/vineyard_streams.node`
  if (build !== undefined) return [built]
  const target = `${process.platform}-${process.arch}`
  // On a system with the other C library the first cannot be loaded, which is how the two are told apart.
  return [
    `${root}prebuilds/${target}/vineyard_streams.node`,
    `${root}prebuilds/${target}-musl/vineyard_streams.node`,
    built
  ]
}

/**
 * Loads the addon without any install script (npm 12 runs none for dependencies). Throws ERR_VINEYARD_NO_BINARY, which
 * says what was tried and what to do.
 */
export function loadAddon(root = fileURLToPath(new URL('..', import.meta.url))): NativeAddon {
  const failures: Error[] = []
  for (const path of candidates(root)) {
    try {
      return require(path) as NativeAddon
    } catch (error) {
      failures.push(new Error(`${path}: ${firstLine(error)}`, { cause: error }))
    }
  }
  throw new VineyardError(
    'ERR_VINEYARD_NO_BINARY',
    `no native binary for ${process.platform}-${process.arch} could be loaded. Tried\n` +
      `${failures.map(({ message }) => `  ${message}`).join('\n')}\n${remedy()}`,
    { cause: new AggregateError(failures) }
  )
}

/** The rest of Node's message lists who required what: always this file. */
function firstLine(error: unknown): string {
  return (error as Error).message.split('\n', 1)[0] ?? ''
}

function remedy(): string {
  if (process.platform !== 'linux') return 'vineyard-streams runs on Linux only.'
  return (
    'The package has binaries for linux-x64 with glibc 2.28 or later. Elsewhere, compile it: in a checkout of its ' +
    'repository run "npm ci" (needs a C++ compiler, make and python3), which is enough to use it there, or make a ' +
    'package for this machine with "bash scripts/prebuild.sh <target> && npm pack".'
  )
}
