import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import { expect } from 'chai'
import { managers, nodes, output, Project, readmeProgram, root, tarball } from './support.js'

const printed = '"id": 1, "price": 0.5'

describe('The packed package', () => {
  it('carries what it needs and nothing that runs on installation', async () => {
    const files = (await output('tar', ['tzf', tarball])).trim().split('\n')
    expect(files).to.include.members([
      'package/dist/index.js',
      'package/dist/index.d.ts',
      'package/prebuilds/linux-x64/vineyard_streams.node',
      'package/README.md',
      'package/examples/README.md',
      'package/examples/worker-pool.js',
      'package/examples/model.py',
      'package/benchmarks/README.md',
      'package/LICENSE',
      'package/NOTICE'
    ])
    expect(files.filter(file => /binding\.gyp$|\.cc$|\/(test|demo|scripts)\//.test(file))).to.deep.equal([])
    const manifest = JSON.parse(await output('tar', ['xzOf', tarball, 'package/package.json'])) as {
      scripts?: Record<string, string>
    }
    const scripts = Object.keys(manifest.scripts ?? {})
    expect(scripts).to.not.include.oneOf(['preinstall', 'install', 'postinstall'])
  })

  it('has what its texts link to and show', async () => {
    const files = (await output('tar', ['tzf', tarball])).trim().split('\n')
    const targets: string[] = []
    for (const file of files.filter(name => name.endsWith('.md'))) {
      const text = await output('tar', ['xzOf', tarball, file])
      // Not what is on the web, nor what is in the same text.
      for (const [, path] of text.matchAll(/\]\(([^):#]+)(?:#[^)]*)?\)/g)) {
        targets.push(posix.join(posix.dirname(file), path as string))
      }
    }
    expect(targets).to.include('package/benchmarks/chart.svg')
    expect(targets.filter(path => !files.includes(path))).to.deep.equal([])
  })

  it('has a binary that needs glibc 2.28 and no other library', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vineyard-package-'))
    try {
      await output('tar', ['xzf', tarball, '-C', folder])
      const binary = join(folder, 'package/prebuilds/linux-x64/vineyard_streams.node')
      const needed = [...(await output('readelf', ['-d', binary])).matchAll(/NEEDED.*\[(.*)\]/g)]
      for (const [, library] of needed) {
        expect(library).to.be.oneOf([
          'libc.so.6',
          'libm.so.6',
          'libpthread.so.0',
          'libdl.so.2',
          'ld-linux-x86-64.so.2'
        ])
      }
      const versions = [...(await output('objdump', ['-T', binary])).matchAll(/GLIBC_2\.(\d+)/g)]
      expect(versions).to.not.be.empty
      expect(Math.max(...versions.map(([, minor]) => Number(minor)))).to.be.at.most(28)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  for (const [manager, { node }] of Object.entries(managers)) {
    it(`installs with ${manager} where there is no compiler, and runs the first program of the README`, async () => {
      const project = new Project(node)
      try {
        await project.install(manager)
        project.write('program.js', await readmeProgram())
        // Yarn has no node_modules: it tells Node where packages are.
        const loader = manager === 'yarn' ? ['--require', './.pnp.cjs', '--loader', './.pnp.loader.mjs'] : []
        expect(await project.node([...loader, 'program.js'])).to.include(printed)
      } finally {
        project.remove()
      }
    })
  }
})

describe('The installed package', () => {
  let first: Project
  let second: Project
  before(async () => {
    first = new Project()
    second = new Project()
    await Promise.all([first.install('npm'), second.install('npm')])
    first.write('program.js', await readmeProgram())
  })
  after(() => {
    first?.remove()
    second?.remove()
  })

  for (const version of Object.keys(nodes)) {
    it(`runs the first program of the README on Node ${version}`, async () => {
      const project = new Project(version)
      try {
        await project.install(managers['npm']?.node === version ? 'npm' : 'pnpm')
        project.write('program.js', await readmeProgram())
        expect(await project.node(['program.js'])).to.include(printed)
      } finally {
        project.remove()
      }
    })
  }

  it('runs in worker threads', async () => {
    first.write(
      'workers.js',
      `import { Worker } from 'node:worker_threads'
       for (let i = 0; i < 3; i++) new Worker(new URL('program.js', import.meta.url)).on('exit', code => console.log('exit', code))`
    )
    const text = await first.node(['workers.js'])
    expect(text.split(printed)).to.have.lengthOf(4)
    expect(text.match(/exit 0/g)).to.have.lengthOf(3)
  })

  it('has types that hold without skipLibCheck', async () => {
    first.write(
      'types.ts',
      `import * as all from 'vineyard-streams'\nexport const client = await all.connect()\n`
    )
    const compiler = [
      join(root, 'node_modules/typescript/lib/tsc.js'),
      ...[
        '--noEmit',
        '--strict',
        '--exactOptionalPropertyTypes',
        '--target',
        'es2023',
        '--module',
        'nodenext'
      ],
      ...['--lib', 'es2023,esnext.disposable', '--skipLibCheck', 'false'],
      ...['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')]
    ]
    const text = await first.node([...compiler, 'types.ts']).catch((error: Error) => error.message)
    // Not what others' types say of themselves.
    const ours = text.split('\n').filter(line => /^(types\.ts|node_modules\/vineyard-streams\/)/.test(line))
    expect(ours.join('\n')).to.equal('')
  })

  it('can be loaded twice in one process', async () => {
    first.write(
      'twice.js',
      `import * as here from 'vineyard-streams'
       import * as there from '${second.folder}/node_modules/vineyard-streams/dist/index.js'
       import { tableFromArrays } from 'apache-arrow'
       const store = await here.Store.start({ size: '16Mi' })
       const [a, b] = [await here.connect(store.socket), await there.connect(store.socket)]
       console.log(here.connect === there.connect)
       const stream = await here.RecordBatchStream.create(a)
       const writer = await stream.openWriter()
       await writer.append(tableFromArrays({ n: Int32Array.of(7) }).batches[0])
       await writer.finish()
       for await (const batch of (await b.get(stream.id)).createReadStream()) {
         console.log(String(batch.get(0)), here.release(batch), there.release(batch), there.release(batch))
       }
       const error = await b.get('o0000000000000001').catch(error => error)
       console.log(error instanceof here.VineyardError, error.code)
       await Promise.all([a.close(), b.close()])
       await store.close()`
    )
    expect(await first.node(['twice.js'])).to.equal(
      'false\n{"n": 7} false true false\ntrue ERR_VINEYARD_NOT_FOUND\n'
    )
  })
})
