import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { NativeAddon } from './native.js'

const require = createRequire(import.meta.url)

/** Where a binary can be, in the order they are tried: packed with the package, then built in a source checkout. */
function candidates(): string[] {
  const root = fileURLToPath(new URL('..', import.meta.url))
  const platform = `${process.platform}-${process.arch}`
  const build = process.env['VINEYARD_STREAMS_BUILD'] === 'Debug' ? 'Debug' : 'Release'
  return [
    `${root}native/build/${build}/vineyard_streams.node`,
    `${root}prebuilds/${platform}/vineyard_streams.node`
  ]
}

/** Loads the addon without any install script (npm 12 runs none for dependencies). */
export function loadAddon(): NativeAddon {
  const failures: string[] = []
  for (const path of candidates()) {
    try {
      return require(path) as NativeAddon
    } catch (error) {
      failures.push(`  ${path}: ${(error as Error).message}`)
    }
  }
  throw new Error(
    `vineyard-streams: no native binary for ${process.platform}-${process.arch} could be loaded. Tried\n` +
      `${failures.join('\n')}\n` +
      'In a source checkout run "npm run build:native" (needs a C++ compiler, make and python3).'
  )
}
