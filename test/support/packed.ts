import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../', import.meta.url))

/** The file that `npm pack` makes of this checkout, without building anything. */
export class Packed {
  readonly #folder = mkdtempSync(join(tmpdir(), 'packed-'))
  readonly #file: string

  constructor() {
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', this.#folder]
    const name = execFileSync('npm', args, { cwd: root, encoding: 'utf8' }).trim()
    this.#file = join(this.#folder, name)
  }

  /**
   * Leaves a folder as `npm install vineyard-streams apache-arrow` does, but for a download of what is in this checkout's
   * node_modules: that npm itself does it is tested in test/package, with a binary that takes minutes to build.
   */
  install(folder: string): void {
    const modules = join(folder, 'node_modules')
    const installed = join(modules, 'vineyard-streams')
    mkdirSync(installed, { recursive: true })
    execFileSync('tar', ['xzf', this.#file, '-C', installed, '--strip-components=1'])
    // In the place of prebuilds/: the binary that the other tests run with.
    symlinkSync(join(root, 'native'), join(installed, 'native'))
    const { dependencies, bin } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>
      bin: Record<string, string>
    }
    for (const name of Object.keys(dependencies)) {
      mkdirSync(dirname(join(modules, name)), { recursive: true })
      symlinkSync(join(root, 'node_modules', name), join(modules, name))
    }
    mkdirSync(join(modules, '.bin'))
    for (const [name, file] of Object.entries(bin)) {
      const program = `#!/bin/sh\nexec node ${join(installed, file)} "$@"\n`
      writeFileSync(join(modules, '.bin', name), program, { mode: 0o755 })
    }
    // What npm 11 makes of a new folder takes .js for CommonJS.
    writeFileSync(join(folder, 'package.json'), '{ "type": "commonjs" }')
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
